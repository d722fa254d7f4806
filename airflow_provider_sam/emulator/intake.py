"""A batch comes in: the body of the create request, checked as a whole and written down request by request.

The body is spooled to a file as it arrives, mapped into memory and decoded without copying; of 100,000 requests only
names and offsets are ever held. What is wrong with the batch itself is refused here; what is wrong with the ``params``
of one request is only noted, for the API tells that in the results.
"""

from __future__ import annotations

import mmap
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from airflow_provider_sam.emulator.errors import invalid
from airflow_provider_sam.emulator.outcomes import Code
from airflow_provider_sam.emulator.reading import read_json
from airflow_provider_sam.emulator.store import INDEX, RECORDS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_sam.emulator.checks import Checks

BODY = "body"
_BUFFER = 1 << 20

# ``\Z`` and not ``$``: the latter would let a name end in a line feed.
CustomId = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]


class _Request(msgspec.Struct):
    custom_id: CustomId
    params: msgspec.Raw


class _Body(msgspec.Struct):
    requests: Annotated[list[_Request], msgspec.Meta(min_length=1)]


class _StrictRequest(_Request, forbid_unknown_fields=True):
    pass


class _StrictBody(msgspec.Struct, forbid_unknown_fields=True):
    requests: Annotated[list[_StrictRequest], msgspec.Meta(min_length=1)]


class _Streaming(msgspec.Struct):
    stream: object = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What came in: the number of requests and, a byte each, whether their ``params`` have the contract's shape."""

    total: int
    verdicts: bytes


def take_in(directory: Path, *, checks: Checks, max_requests: int) -> Intake:
    """Turn the spooled body in ``directory`` into the batch's records.

    Takes seconds for the largest batch; call it outside the event loop.

    :param checks: what the ``params`` are held against
    :param max_requests: how many requests a batch may have
    :raises ApiError: 400 when the body is no batch
    """
    body = directory / BODY
    verdicts = bytearray()
    starts = array("Q", [0])
    with (directory / RECORDS).open("wb", buffering=_BUFFER) as records:
        for request in _checked(_decode(body, strict=checks.strict), max_requests):
            params = bytes(request.params)
            verdicts.append(Code.SUCCEEDED if checks.is_fine(params) else Code.INVALID)
            starts.append(starts[-1] + records.write(b"%s %s\n" % (request.custom_id.encode(), params)))
    body.unlink()
    (directory / INDEX).write_bytes(starts.tobytes())
    (directory / VERDICTS).write_bytes(verdicts)
    return Intake(len(verdicts), bytes(verdicts))


def _decode(body: Path, *, strict: bool) -> list[_Request]:
    """Decode the body; the ``params`` point into the mapped file, which lives as long as they do."""
    if body.stat().st_size == 0:
        raise invalid("The request body is empty; it must be a JSON object.")
    with body.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    requests: list[_Request] = read_json(mapped, _StrictBody if strict else _Body).requests
    return requests


def _checked(requests: list[_Request], max_requests: int) -> Iterator[_Request]:
    if len(requests) > max_requests:
        raise invalid(f"requests: a batch holds at most {max_requests} requests, not {len(requests)}")
    seen: set[str] = set()
    for index, request in enumerate(requests):
        if request.custom_id in seen:
            raise invalid(f"requests.{index}.custom_id: {request.custom_id!r} is used more than once in this batch")
        seen.add(request.custom_id)
        _check_params(index, request.params)
        yield request


def _check_params(index: int, params: msgspec.Raw) -> None:
    text = bytes(params)
    if not text.startswith(b"{"):
        raise invalid(f"requests.{index}.params: must be an object")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise invalid(f"requests.{index}.params: not valid UTF-8") from error
    if b'"stream"' in text and read_json(text, _Streaming, where=f"requests.{index}.params").stream is True:
        raise invalid(f"requests.{index}.params.stream: streaming is not supported in a batch")

"""Request bodies: compact JSON in memory, or a batch streamed with a length known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import CustomIds, Limits, check_batch_count, check_batch_request, check_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_sam.api.params import BatchRequestParams

__all__ = [
    "BatchBody",
]

CHUNK_BYTES = 65_536
"""How many bytes are gathered before they are handed to the connection."""


class Frame(NamedTuple):
    """What stands before, between and behind the requests of a batch's body."""

    prefix: bytes
    separator: bytes
    suffix: bytes

    @property
    def around(self) -> int:
        """Bytes of a body beside its requests, each of which counts with one separator."""
        return len(self.prefix) + len(self.suffix) - len(self.separator)


COMPACT = Frame(b'{"requests":[', b",", b"]}")

LINES = Frame(COMPACT.prefix + b"\n", COMPACT.separator + b"\n", b"\n" + COMPACT.suffix)
"""With each request on a line of its own, for whoever has to read a body."""


@runtime_checkable
class BatchBody(Protocol):
    """The body of a batch in pieces, so that it never lies in memory whole.

    Iterating gives the same bytes every time it begins: a repeat, where one is safe, sends them again.
    """

    @property
    def content_length(self) -> int:
        """How many bytes one iteration gives, exactly."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Return the body's bytes from the start, in chunks of any size."""
        ...


class RequestsBody:
    """The body of a batch from requests in memory: each is checked and encoded once, none is copied together.

    :param requests: mappings with `custom_id` and `params`.
    :raises SamRequestError: a request, their number or their size is not what the API takes.
    """

    def __init__(self, requests: Iterable[BatchRequestParams], limits: Limits) -> None:
        self._parts: list[bytes] = []
        self.content_length = COMPACT.around
        custom_ids = CustomIds()
        for index, request in enumerate(requests):
            check_batch_count(index + 1, limits)
            custom_ids.add(check_batch_request(index, request), index)
            part = encode(request, what=f"requests[{index}]")
            self._parts.append(part)
            self.content_length += len(COMPACT.separator) + len(part)
            check_size(self.content_length, limits.max_batch_bytes, what="the batch")
        check_batch_count(len(self._parts), limits)

    def __iter__(self) -> Iterator[bytes]:
        chunk = bytearray(COMPACT.prefix)
        for index, part in enumerate(self._parts):
            if index:
                chunk += COMPACT.separator
            chunk += part
            if len(chunk) >= CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
        chunk += COMPACT.suffix
        yield bytes(chunk)


def encode(value: Mapping[str, Any], *, what: str = "the request") -> bytes:
    """Encode `value` as compact UTF-8 JSON.

    :raises SamRequestError: something in it has no form in JSON.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        # The text of these errors names a type or a position, never a value.
        raise SamRequestError(f"{what} cannot be written as JSON: {error}") from None


def counted(body: BatchBody) -> Iterator[bytes]:
    """Return the chunks of `body`, holding it to its word about its length.

    :raises SamRequestError: it gave more or fewer bytes. The last byte that was promised has then not been sent, so
        that no server can have taken the request for a whole one.
    """
    left = body.content_length
    held = b""
    for chunk in body:
        left -= len(chunk)
        if left < 0:
            break
        if held:
            yield held
        held = chunk
    if left:
        raise SamRequestError(
            f"the batch's body has {'more' if left < 0 else 'fewer'} bytes than its content_length of "
            f"{body.content_length}; it changed while it was being sent"
        )
    yield held

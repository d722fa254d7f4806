"""The results of a batch as bytes: one line a request, made when asked for, in an order that is not that of the input.

The same batch always gives the same bytes, so a download can be taken up where it broke off.
"""

from __future__ import annotations

import math
import re
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.emulator.errors import invalid
from airflow_provider_sam.emulator.ids import stable_id
from airflow_provider_sam.emulator.outcomes import Code, Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sam.emulator.answers import Answers
    from airflow_provider_sam.emulator.checks import Checks
    from airflow_provider_sam.emulator.state import Batch
    from airflow_provider_sam.emulator.store import Records

CHUNK = 256 * 1024
"""Bytes that are made and sent at a time, at least."""

_GOLDEN = 0.618
_BY_DECREE = {"type": "api_error", "message": "Internal server error"}


class ResultLines:
    """The result lines of one batch, each with its line feed; may be read more than once.

    :param open_records: opens the batch's requests, for each reading anew
    :param checks: say again what is wrong with a request that was found invalid
    """

    def __init__(
        self, batch: Batch, open_records: Callable[[], Records], decisions: Decisions, answers: Answers, checks: Checks
    ) -> None:
        self._batch = batch
        self._open_records = open_records
        self._decisions = decisions
        self._answers = answers
        self._checks = checks

    def __iter__(self) -> Iterator[bytes]:
        encode = msgspec.json.Encoder().encode
        with self._open_records() as records:
            for index in shuffled(len(records), self._batch.id):
                custom_id, params = records[index]
                result = self._result(custom_id, params, Code(self._decisions.codes[index]))
                yield encode({"custom_id": custom_id, "result": result}) + b"\n"

    def length(self) -> int:
        """Return the bytes of all lines; they are made to be measured."""
        return sum(len(line) for line in self)

    def _result(self, custom_id: str, params: bytes, code: Code) -> dict[str, Any]:
        match code:
            case Code.SUCCEEDED:
                message_id = stable_id("msg", self._batch.id, custom_id)
                asked = msgspec.json.decode(params)
                message = self._answers.message(asked, message_id=message_id, custom_id=custom_id)
                return {"type": "succeeded", "message": message}
            case Code.INVALID:
                refusal = self._checks.refusal_of(params) or invalid("params: not valid")
                return self._errored(custom_id, {"type": refusal.error_type, "message": refusal.message})
            case Code.ERRORED:
                return self._errored(custom_id, {**_BY_DECREE, **self._decisions.errors.get(custom_id, {})})
            case _:
                return {"type": code.name.lower()}

    def _errored(self, custom_id: str, error: dict[str, Any]) -> dict[str, Any]:
        request_id = stable_id("req", self._batch.id, custom_id)
        return {"type": "errored", "error": {"type": "error", "error": error, "request_id": request_id}}


def chunks(parts: Iterator[bytes], skip: int = 0) -> Iterator[bytes]:
    """Join lines to chunks of at least :data:`CHUNK` bytes, leaving out the first ``skip`` bytes."""
    waiting = bytearray()
    for part in parts:
        if skip >= len(part):
            skip -= len(part)
            continue
        waiting += part[skip:]
        skip = 0
        if len(waiting) >= CHUNK:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def first_byte(header: str | None) -> int | None:
    """Read ``Range: bytes=N-``; None for no header, or one of another form, which may be ignored (RFC 9110, 14.2)."""
    found = re.fullmatch(r"bytes=([0-9]+)-", header or "")
    return None if found is None else int(found[1])


def shuffled(total: int, seed: str) -> Iterator[int]:
    """Return the numbers from 0 up to ``total``, each once, in an order that ``seed`` decides."""
    stride = max(1, int(total * _GOLDEN))
    while math.gcd(stride, total) != 1:
        stride += 1
    start = zlib.crc32(seed.encode())
    return ((start + stride * step) % total for step in range(total))

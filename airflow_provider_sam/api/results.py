"""The results of a batch while they arrive: bytes, and where in the file they begin."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_sam.api.mending import mended
from airflow_provider_sam.api.models import BatchResultLine, MalformedResultLine
from airflow_provider_sam.api.receiving import check_values
from airflow_provider_sam.api.tally import tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    import httpx

    from airflow_provider_sam.api.drivers import AsyncDriver, Driver
    from airflow_provider_sam.api.jsonl import Line
    from airflow_provider_sam.api.operation import Request

__all__ = [
    "AsyncResultsStream",
    "ResultsHead",
    "ResultsStream",
    "read_result",
]

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
LENGTH = re.compile(r"\d{1,18}")
PARTIAL_CONTENT = 206


class ResultsHead:
    """What an answer says about the bytes that follow.

    - `status`: 206 where the server honours the offset asked for, else 200.
    - `offset`: where in the whole file the bytes begin; 0 where the server sends all of it again.
    - `content_length`: how many bytes follow, or None where the server does not tell.
    - `validator`: what tells this version of the results from others, a strong ETag or else the time of the last
      change; None where the server gives neither.
    - `headers`: the answer's headers, names in lower case.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        told = CONTENT_RANGE.fullmatch(self.headers.get("content-range", ""))
        self.offset = int(told.group(1)) if told and self.status == PARTIAL_CONTENT else 0
        length = LENGTH.fullmatch(self.headers.get("content-length", ""))
        # A compressed answer's length is not that of the bytes we hand out.
        as_stored = self.headers.get("content-encoding", "identity") == "identity"
        etag = self.headers.get("etag", "")
        self.validator = (None if etag.startswith("W/") else etag) or self.headers.get("last-modified")
        self.content_length = int(length.group()) if length and as_stored else None


class ResultsStream(ResultsHead):
    """Iterate once to get the bytes, in chunks as they arrive.

    A connection that breaks raises `SamDisconnectedError` or `SamTimeoutError`, after all bytes that came.
    """

    def __init__(self, driver: Driver, request: Request, response: httpx.Response) -> None:
        super().__init__(response)
        self._chunks = driver.chunks(request, response)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


class AsyncResultsStream(ResultsHead):
    """Iterate once to get the bytes, in chunks as they arrive; otherwise as `ResultsStream`."""

    def __init__(self, driver: AsyncDriver, request: Request, response: httpx.Response) -> None:
        super().__init__(response)
        self._chunks = driver.chunks(request, response)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks


def read_result(line: Line) -> BatchResultLine:
    """Read one line of the results; one that does not keep what its type promises is a `MalformedResultLine`.

    :raises SamResponseError: it is torn, or no result; the message names its number and offset.
    """
    try:
        check_values(line.data)
        return BatchResultLine.model_validate_json(line.data)  # strictly: no text that cannot be written again
    except ValueError:
        return _read_loosely(line)


def _read_loosely(line: Line) -> BatchResultLine:
    found = tally(line)
    fields = {"custom_id": found.custom_id, "result": {"type": found.outcome}}
    with suppress(ValueError, RecursionError):  # too many values, too deep, or a number of too many digits
        check_values(line.data)
        fields = json.loads(mended(line.data))
        return BatchResultLine.made_of(fields)
    raw = line.data.decode(errors="replace")
    return MalformedResultLine.made_of({**fields, "custom_id": found.custom_id, "raw": raw})

"""A table of rows and their answers, read back as the result lines that it was made of, as far as its columns tell.

The columns that every table has are named here. Half of the facts of a result are no columns, such as the message's id;
a line that is made of a row lacks them.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TOKEN_COLUMNS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

ANSWER_COLUMNS = {
    "custom_id": "string",
    "outcome": "string",
    "error": "string",
    "text": "string",
    "stop_reason": "string",
    "model": "string",
    **dict.fromkeys(TOKEN_COLUMNS, "int64"),
}
"""The columns that every table ends with, and their types. A value that is not there is null."""

INVALID_OUTPUT = "invalid_output"
"""The outcome of a row whose answer is not of the type that was asked for."""

UNANSWERED = "unanswered"
"""The outcome of a row that nobody has answered."""

ANSWER_TOOL = "answer"
"""The tool whose call is a typed answer."""

INT64 = range(-(2**63), 2**63)
"""The numbers that a column of whole numbers can hold."""

TABLE_KEY = b"airflow_provider_sam.table"
"""What the metadata of a Parquet file holds that is a table, and no file of result lines."""

BATCH_ROWS = 1000

_ERROR = re.compile(r"([a-z_]+)(?:: (.*))?", re.DOTALL)


def is_table(parquet_file: Any) -> bool:
    """Return whether a `pyarrow.parquet.ParquetFile` is a table of rows."""
    return TABLE_KEY in (parquet_file.schema_arrow.metadata or {})


def lines_of_parquet(parquet_file: Any) -> Iterator[bytes]:
    """Return the rows of a table as result lines with their line feeds, many in a piece."""
    for batch in parquet_file.iter_batches(columns=list(ANSWER_COLUMNS), batch_size=BATCH_ROWS):
        yield b"".join(map(line_of_row, batch.to_pylist()))


def lines_of_csv(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Return the rows of a table in CSV as result lines with their line feeds.

    :raises ValueError: it is not one of our tables.
    """
    reader = csv.reader(
        io.TextIOWrapper(io.BufferedReader(_Readable(chunks)), encoding="utf-8", newline=""), strict=True
    )
    rows = _rows_of(reader)
    try:
        header = next(rows, [])
        if missing := [name for name in ANSWER_COLUMNS if name not in header]:
            raise ValueError(f"it has no column {missing[0]!r}")
        places = {name: header.index(name) for name in ANSWER_COLUMNS}
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} values instead of {len(header)}")
            yield line_of_row({name: row[place] or None for name, place in places.items()})
    except csv.Error as problem:
        raise ValueError(f"line {reader.line_num}: {problem}") from None


def _rows_of(reader: Any) -> Iterator[list[str]]:
    """Read rows whose values may be long. The library has one limit for all, so that the old one is put back."""
    row: list[str] | None = []
    while row is not None:
        before = csv.field_size_limit(sys.maxsize)
        try:
            row = next(reader, None)
        finally:
            csv.field_size_limit(before)
        if row is not None:
            yield row


def line_of_row(row: Mapping[str, Any]) -> bytes:
    """Return the result line, with its line feed, that says what a row of a table does."""
    outcome = row["outcome"]
    result: dict[str, Any] = {"type": outcome}
    if outcome in {"succeeded", INVALID_OUTPUT} or row["text"] is not None:
        result["message"] = _message(row)
    if outcome == INVALID_OUTPUT:
        result["error"] = {"type": "error", "error": {"type": INVALID_OUTPUT, "message": row["error"]}}
    elif row["error"] is not None:
        result["error"] = {"type": "error", "error": _error(row["error"])}
    return msgspec.json.encode({"custom_id": row["custom_id"], "result": result}) + b"\n"


def _message(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "",
        "type": "message",
        "role": "assistant",
        "model": row["model"],
        "content": [_block(row["text"] or "", row["stop_reason"])],
        "stop_reason": row["stop_reason"],
        "stop_sequence": None,
        "usage": {name: None if row[name] is None else int(row[name]) for name in TOKEN_COLUMNS},
    }


def _block(text: str, stop_reason: str | None) -> dict[str, Any]:
    if stop_reason == "tool_use" and "\n" not in text and _is_object(text):
        return {"type": "tool_use", "id": "", "name": ANSWER_TOOL, "input": msgspec.Raw(text.encode())}
    return {"type": "text", "text": text}


def _is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _error(text: str) -> dict[str, Any]:
    found = _ERROR.fullmatch(text)
    return {"type": found[1], "message": found[2] or ""} if found else {"message": text}


class _Readable(io.RawIOBase):
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

"""Results as the rows of a Parquet file, written by row groups of bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam._compat import optional_library
from airflow_provider_sam.api.jsonl import LineSplitter
from airflow_provider_sam.api.mending import text_in
from airflow_provider_sam.api.tally import NO_JSON, UsageTally, tally
from airflow_provider_sam.batches.tables import INT64
from airflow_provider_sam.batches.writable import Writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sam.api.jsonl import Line
    from airflow_provider_sam.api.tally import LineTally

GROUP_BYTES = 8 * 1024 * 1024
"""Bytes of result lines that make a row group; some three times as many are held in memory while it is built.

A line of as many is a group of its own, with no `text` beside its `raw`: no model writes as much, and memory must not
grow with what a server makes up.
"""

COLUMNS = {
    "custom_id": "string",
    "outcome": "string",
    "text": "string",
    "stop_reason": "string",
    "model": "string",
    "input_tokens": "int64",
    "output_tokens": "int64",
    "cache_creation_input_tokens": "int64",
    "cache_read_input_tokens": "int64",
    "error_type": "string",
    "error_message": "string",
    "raw": "string",
}
"""The columns and their types. Where an outcome has no such fact, or it cannot be read, the value is null; `raw` is
the whole line. What is no character in a line, half of a surrogate pair or no UTF-8, is U+FFFD in its columns."""


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None


class _Message(msgspec.Struct, gc=False):
    content: list[_Block] = []
    model: str | None = None
    stop_reason: str | None = None
    usage: UsageTally | None = None


class _Error(msgspec.Struct, gc=False):
    type: str | None = None
    message: str | None = None


class _ErrorResponse(msgspec.Struct, gc=False):
    error: _Error | None = None


class _Result(msgspec.Struct, gc=False):
    type: str
    message: _Message | None = None
    error: _ErrorResponse | None = None


class _Row(msgspec.Struct, gc=False):
    custom_id: str
    result: _Result


_decode = msgspec.json.Decoder(_Row).decode


def columns_of(line: Line) -> dict[str, Any]:
    """Return the values of one result line's row; what cannot be read of it is null.

    :raises SamResponseError: it is no result.
    """
    try:
        return _columns(_decode(line.data), line.data.decode())
    except NO_JSON:
        return _columns_loosely(line)


def _columns(row: _Row, raw: str) -> dict[str, Any]:
    message = row.result.message
    values: dict[str, Any] = {"custom_id": row.custom_id, "outcome": row.result.type, "raw": raw}
    if message is not None:
        values["text"] = "".join([block.text or "" for block in message.content if block.type == "text"])
        values |= _message_columns(message.model, message.stop_reason, message.usage)
    if row.result.error is not None and (error := row.result.error.error) is not None:
        values |= {"error_type": error.type, "error_message": error.message}
    return values


def _columns_loosely(line: Line) -> dict[str, Any]:
    row = tally(line)
    text = text_in(line.data) if row.result.message else None
    return {**_counted_columns(row), "text": text, "raw": line.data.decode(errors="replace")}


def _counted_columns(row: LineTally) -> dict[str, Any]:
    return {
        "custom_id": row.custom_id,
        "outcome": row.outcome,
        **_message_columns(row.model, row.stop_reason, row.usage),
        "error_type": row.error_type,
        "error_message": row.error_message,
    }


def _message_columns(model: str | None, stop_reason: str | None, usage: UsageTally | None) -> dict[str, Any]:
    columns: dict[str, Any] = {"model": model, "stop_reason": stop_reason}
    if usage is not None:
        counts = {name: getattr(usage, name) for name in UsageTally.__struct_fields__}
        columns |= {name: count for name, count in counts.items() if count is None or count in INT64}
    return columns


class ParquetEncoder:
    """Writes result lines as a Parquet file, compressed with zstd, in as much memory as one row group needs.

    :raises AirflowOptionalProviderFeatureException: pyarrow is not installed.
    """

    is_verbatim = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        arrow = optional_library("pyarrow", extra="parquet")
        parquet = optional_library("pyarrow.parquet", extra="parquet")
        self._arrow = arrow
        self._schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in COLUMNS.items()])
        repeating = [name for name in COLUMNS if name != "raw"]
        self._writer = parquet.ParquetWriter(
            Writable(write),
            self._schema,
            compression="zstd",
            use_dictionary=repeating,
            write_statistics=repeating,
        )
        self._splitter = LineSplitter()
        self._lines: list[Line] = []
        self._size = 0

    def add(self, chunk: bytes, /) -> None:
        """Take in a chunk; a row group is written when enough has come."""
        self._take(self._splitter.feed(chunk))

    def close(self) -> None:
        """Write the last row group and the file's footer."""
        self._take(self._splitter.flush())
        self._write_group()
        self._writer.close()

    def discard(self) -> None:
        """Do nothing: what is held is memory."""

    def _take(self, lines: list[Line]) -> None:
        for line in lines:
            if len(line.data) >= GROUP_BYTES:
                self._write_group()
                self._write_long(line)
                continue
            self._lines.append(line)
            self._size += len(line.data)
            if self._size >= GROUP_BYTES:  # by the lines alone: the network's chunks leave no trace in the file
                self._write_group()

    def _write_group(self) -> None:
        if not self._lines:
            return
        table = self._arrow.Table.from_pylist([columns_of(line) for line in self._lines], schema=self._schema)
        self._lines, self._size = [], 0
        self._writer.write_table(table)

    def _write_long(self, line: Line) -> None:
        """Write a line of its own without copying it."""
        values = _counted_columns(tally(line))
        columns = [self._arrow.array([values.get(field.name)], field.type) for field in self._schema]
        columns[self._schema.get_field_index("raw")] = self._raw(line.data)
        self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))

    def _raw(self, data: bytes) -> Any:
        ends = self._arrow.array([0, len(data)], "int32").buffers()[1]
        raw = self._arrow.StringArray.from_buffers(1, ends, self._arrow.py_buffer(data))
        try:
            raw.validate(full=True)
        except ValueError:
            return self._arrow.array([data.decode(errors="replace")], "string")
        return raw

"""Tables as files: Parquet in row groups of bounded size, or CSV with lists and structs as JSON."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, Self

from airflow_provider_sam._compat import optional_library
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.tables import TABLE_KEY
from airflow_provider_sam.batches.writable import Writable
from airflow_provider_sam.rows.values import json_text, python_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    import pyarrow as pa

GROUP_BYTES = 8 << 20
"""Bytes of a row group in memory."""

GROUP_ROWS = 100_000
"""Rows of a row group, at most."""

FORMATS = ("parquet", "csv")


class TableWriter(Protocol):
    """Writes record batches of one schema. Use it as a context manager: nothing is written after the block."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def write(self, batch: pa.RecordBatch, /) -> object:
        """Write rows."""

    def close(self) -> int:
        """Write what is left; return how many rows the file says that it has."""


def table_writer(
    format_: str, write: Callable[[bytes], object], schema: pa.Schema, *, texts: Sequence[str], metadata: bytes
) -> TableWriter:
    """Return what writes a table.

    :param write: takes the bytes of the file.
    :param texts: columns of long texts, of which no statistics are any use.
    :param metadata: what the file is to say about itself, where it can.
    :raises SamRequestError: the format cannot hold one of the columns.
    """
    if format_ == "csv":
        return _CsvWriter(write, schema)
    return _ParquetWriter(write, schema.with_metadata({TABLE_KEY: metadata}), texts)


class _ParquetWriter:
    """Writes a row group in a thread, which needs no Python to do it, while the rows of the next one come in."""

    def __init__(self, write: Callable[[bytes], object], schema: pa.Schema, texts: Sequence[str]) -> None:
        self._arrow = optional_library("pyarrow", extra="parquet")
        parquet = optional_library("pyarrow.parquet", extra="parquet")
        self._schema = schema
        self._written: list[Any] = []
        self._batches: list[pa.RecordBatch] = []
        self._size = 0
        self._rows = 0
        for field in schema:
            self._check(parquet, field)
        short = [leaf for field in schema if field.name not in texts for leaf in _leaves(field.type, field.name)]
        self._writer = parquet.ParquetWriter(
            Writable(write),
            schema,
            compression="zstd",
            use_dictionary=short,
            write_statistics=short,
            metadata_collector=self._written,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="row group")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def _check(self, parquet: Any, field: pa.Field) -> None:
        try:
            parquet.ParquetWriter(self._arrow.BufferOutputStream(), self._arrow.schema([field])).close()
        except self._arrow.ArrowException as problem:
            raise SamRequestError(
                f"column {field.name!r} is a {field.type}, which Parquet cannot hold ({problem}); leave it out of "
                "columns, or convert it where the rows come from"
            ) from None

    def write(self, batch: pa.RecordBatch, /) -> None:
        self._batches.append(batch)
        self._size += batch.nbytes
        self._rows += batch.num_rows
        if self._size >= GROUP_BYTES or self._rows >= GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        self._wait()
        if self._batches:
            group = self._arrow.Table.from_batches(self._batches, self._schema)
            self._writing = self._thread.submit(self._writer.write_table, group)
        self._batches, self._size, self._rows = [], 0, 0

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()

    def close(self) -> int:
        self._write_group()
        self._wait()
        self._writer.close()
        (metadata,) = self._written
        return int(metadata.num_rows)


class _CsvWriter:
    def __init__(self, write: Callable[[bytes], object], schema: pa.Schema) -> None:
        self._arrow = optional_library("pyarrow", extra="parquet")
        csv = optional_library("pyarrow.csv", extra="parquet")
        self._schema = self._arrow.schema([(field.name, self._type(field.type)) for field in schema])
        self._writer = csv.CSVWriter(Writable(write), self._schema)
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _type(self, kind: pa.DataType) -> pa.DataType:
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._type(kind.value_type)
        if types.is_primitive(kind) and not types.is_interval(kind) and not types.is_duration(kind):
            return kind
        return kind if types.is_decimal(kind) or types.is_null(kind) else self._arrow.string()

    def write(self, batch: pa.RecordBatch, /) -> None:
        columns = [self._column(*pair) for pair in zip(batch.columns, self._schema.types, strict=True)]
        self._writer.write_batch(self._arrow.RecordBatch.from_arrays(columns, schema=self._schema))
        self._rows += batch.num_rows

    def _column(self, column: pa.Array, kind: pa.DataType) -> pa.Array:
        types = self._arrow.types
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if column.type == kind:
            return column
        if str(column.type) in {"large_string", "string_view"}:
            return column.cast(kind)
        return self._arrow.array([None if value is None else json_text(value) for value in python_values(column)], kind)

    def close(self) -> int:
        self._writer.close()
        return self._rows


def _leaves(kind: pa.DataType, path: str) -> list[str]:
    """Return the names under which Parquet knows the columns that a type consists of."""
    arrow = optional_library("pyarrow", extra="parquet")
    types = arrow.types
    if types.is_struct(kind):
        fields = [kind.field(number) for number in range(kind.num_fields)]
        return [leaf for field in fields for leaf in _leaves(field.type, f"{path}.{field.name}")]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _leaves(kind.value_type, f"{path}.list.element")
    if types.is_map(kind):
        parts = (("key", kind.key_type), ("value", kind.item_type))
        return [leaf for name, part in parts for leaf in _leaves(part, f"{path}.key_value.{name}")]
    return [path]

"""Rows that a task has at hand: a table of any library that speaks Arrow, or mappings, one a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import optional_library
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.arrow_types import cast, empty_batch, without_views
from airflow_provider_sam.rows.batch import MOST_BYTES, MOST_ROWS, PlainRows, arrow_batches
from airflow_provider_sam.rows.sources.files import listed, selected

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_sam.rows.batch import RowBatch

ARROW_MARKS = ("__arrow_c_stream__", "__arrow_c_array__")
"""What an object has that can give its rows to Arrow."""

VALUE_BYTES = 50
"""Bytes that a value takes, about, besides its text."""


def is_arrow(source: object) -> bool:
    """Return whether an object can give its rows to Arrow."""
    return not isinstance(source, type) and any(hasattr(source, mark) for mark in ARROW_MARKS)


def read_arrow(source: object, columns: Collection[str] | None, *, number: int = 1) -> Iterator[RowBatch]:
    """Return the rows of a table; one without rows gives one batch without rows.

    :param number: the number of its first row.
    :raises SamRequestError: it is no table, it breaks off, or a column is not in it.
    """
    pa = optional_library("pyarrow", extra="parquet")
    kind = type_name(source)
    reader = _reader(source, kind)
    names = selected(columns, reader.schema.names, kind)
    schema = pa.schema([(name, without_views(reader.schema.field(name).type)) for name in names])
    first = number
    while (batch := _next(reader, kind, number - 1)) is not None:
        if batch.num_rows:
            arrays = [cast(batch.column(name), schema.field(name).type) for name in names]
            needed = pa.RecordBatch.from_arrays(arrays, schema=schema) if names else batch.select([])
            yield from arrow_batches(needed, number=number)
            number += batch.num_rows
    if number == first:
        yield from arrow_batches(empty_batch(schema), number=number)


def _reader(source: Any, kind: str) -> Any:
    pa = optional_library("pyarrow", extra="parquet")
    try:
        if hasattr(source, ARROW_MARKS[0]):
            return pa.RecordBatchReader.from_stream(source)
        batch = pa.record_batch(source)
        return pa.RecordBatchReader.from_batches(batch.schema, [batch])
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SamRequestError(
            f"rows: {kind} cannot be read as a table: {error}. A column needs values of one type, and a single column "
            "is no table"
        ) from error


def _next(reader: Any, kind: str, count: int) -> Any:
    pa = optional_library("pyarrow", extra="parquet")
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except (pa.ArrowException, OSError) as error:
        raise SamRequestError(
            f"rows: {kind} broke off after row {count}: {str(error).partition('. Detail:')[0]}"
        ) from error


def read_mappings(source: Iterable[Any], columns: Collection[str] | None) -> Iterator[RowBatch]:
    """Return the rows of an iterable of mappings, or of tables, one piece after the other.

    :raises SamRequestError: an item is no mapping with names of columns, or a column is in none of the first rows.
    """
    items = iter(source)
    number = 1
    for item in items:
        if is_arrow(item):
            for batch in read_arrow(item, columns, number=number):
                yield batch
                number += len(batch)
        else:
            rows = _some_rows(chain([item], items), number)
            if number == 1:
                check_first(rows, columns, "rows")
            yield PlainRows.of(rows, columns=columns, number=number)
            number += len(rows)


def _some_rows(items: Iterator[Any], number: int) -> list[Mapping[str, Any]]:
    """Take as many rows as make a batch."""
    rows: list[Mapping[str, Any]] = []
    size = 0
    for item in items:
        row = _checked(item, number + len(rows))
        rows.append(row)
        size += size_of(row)
        if len(rows) == MOST_ROWS or size >= MOST_BYTES:
            break
    return rows


def _checked(item: Any, number: int) -> Mapping[str, Any]:
    row: Mapping[Any, Any]
    if isinstance(item, Mapping):
        row = item
    elif hasattr(item, "keys") and hasattr(item, "__getitem__"):  # as the rows of sqlite3
        row = {key: item[key] for key in item.keys()}  # noqa: SIM118 - it is no mapping
    else:
        raise SamRequestError(
            f"rows: row {number} must be a mapping of columns to values, such as {{'id': 1, 'text': '...'}}; got "
            f"{type_name(item)}{_way_out(item)}"
        )
    if wrong := [key for key in row if not isinstance(key, str)]:
        raise SamRequestError(f"rows: row {number} has a column named {wrong[0]!r}; names of columns are text")
    return row


def _way_out(item: Any) -> str:
    if hasattr(item, "_asdict"):
        return ": give row._asdict()"
    if hasattr(item, "model_dump"):
        return ": give row.model_dump()"
    return ": give dataclasses.asdict(row)" if hasattr(item, "__dataclass_fields__") else ""


def check_first(rows: Collection[Mapping[str, Any]], columns: Collection[str] | None, source: object) -> None:
    """Check the first rows for columns that none of them has.

    :raises SamRequestError: there is one.
    """
    there = dict.fromkeys(key for row in rows for key in row)
    if missing := sorted(set(columns or ()) - set(there)):
        raise SamRequestError(
            f"{source}: none of the first {len(rows)} rows has the column {missing[0]!r}; their columns are "
            f"{listed(there)}"
        )


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes."""
    if isinstance(value, str | bytes | bytearray | memoryview):
        return VALUE_BYTES + len(value)
    if isinstance(value, Mapping):
        return VALUE_BYTES + sum(map(size_of, value.values()))
    return VALUE_BYTES + sum(map(size_of, value)) if isinstance(value, list | tuple) else VALUE_BYTES


def type_name(value: object) -> str:
    """Return the name of a value's type, as its users know it."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"

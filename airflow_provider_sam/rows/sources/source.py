"""Where rows come from: files, a table of any library, mappings, or a query; always batch by batch, in their order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from inspect import getattr_static
from io import IOBase
from typing import TYPE_CHECKING

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.paths import readable_path
from airflow_provider_sam.rows.sources.csv_files import read_csv
from airflow_provider_sam.rows.sources.files import row_files
from airflow_provider_sam.rows.sources.jsonl_files import read_jsonl
from airflow_provider_sam.rows.sources.parquet_files import ParquetFiles
from airflow_provider_sam.rows.sources.sql import read_sql
from airflow_provider_sam.rows.sources.streams import is_arrow, read_arrow, read_mappings, type_name
from airflow_provider_sam.rows.sql import SqlRows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.sources.files import RowFile

TABLE_MARKS = ("columns", "__dataframe__", "__array_interface__")
"""What tables and arrays have that do not speak Arrow; iterating one gives the names of its columns, or no mappings."""


def open_rows(
    source: object, *, columns: Collection[str] | None, storage_conn_id: str | None = None
) -> Iterator[RowBatch]:
    """Return the rows of a source, batch by batch. Nothing is read before the first batch is asked for.

    :param source: the path of one file, a directory or a pattern (Parquet, CSV or JSONL), an object that gives its rows
        to Arrow, an iterable of mappings, or a `SqlRows`.
    :param columns: the columns that are needed, so that others need not be read; None for all.
    :param storage_conn_id: the connection of the object storage; None for the one in the path, if any.
    :raises SamRequestError: it is none of these, cannot be read, or lacks a column; the message says where and what.
    """
    if isinstance(source, SqlRows):
        yield from read_sql(source, columns)
    elif isinstance(source, str | os.PathLike | ObjectStoragePath):
        yield from _read_files(_path(source, storage_conn_id), columns)
    elif is_arrow(source):
        yield from read_arrow(source, columns)
    elif (refusal := _refusal(source)) is not None:
        raise SamRequestError(
            f"rows must be a path, a table, an iterable of mappings or a query, got {type_name(source)}; {refusal}"
        )
    else:
        assert isinstance(source, Iterable)  # noqa: S101 - for the type checker, `_refusal` has seen to it
        yield from read_mappings(source, columns)


def _read_files(path: ObjectStoragePath, columns: Collection[str] | None) -> Iterator[RowBatch]:
    parquet = ParquetFiles()
    readers: dict[str, Callable[[RowFile, Collection[str] | None], Iterator[RowBatch]]] = {
        "csv": read_csv,
        "jsonl": read_jsonl,
        "parquet": parquet.read,
    }
    for file in row_files(path):
        yield from readers[file.format](file, columns)


def _path(source: str | os.PathLike[str] | ObjectStoragePath, storage_conn_id: str | None) -> ObjectStoragePath:
    place = source if isinstance(source, str | ObjectStoragePath) else os.fspath(source)
    path = readable_path(place, storage_conn_id, what="rows")
    if "?" in str(place) and "?" not in str(path):  # at the end of a store's path it is taken for an empty query
        raise SamRequestError(f"rows {str(place)!r} would become {str(path)!r}; write * or [0-9] in place of the ?")
    return path


def _refusal(source: object) -> str | None:
    """Return what to write in place of something that holds no rows, whether or not it can be iterated."""
    if isinstance(source, Mapping):
        return "write one mapping a row, such as [{'id': 1, 'text': '...'}, ...], or pyarrow.table(...) of the columns"
    if any(getattr_static(source, mark, None) is not None for mark in TABLE_MARKS):  # polars warns of a look
        if hasattr(source, "collect"):
            return "it has no rows yet: give what its collect() returns"
        return "make it a table of Arrow, as by pyarrow.Table.from_pandas(df), or update its library"
    if isinstance(source, set | frozenset):
        return "a set has another order in every process: give a list"
    if isinstance(source, bytes | bytearray | memoryview | IOBase):
        return "give the path of the file, or what its reader makes of it"
    return None if isinstance(source, Iterable) else "write one mapping a row, such as [{'id': 1, 'text': '...'}, ...]"

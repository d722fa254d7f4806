"""Rows of Parquet files: a record batch at a time, of the columns that are needed, with one type in all files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import optional_library
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.storage import is_local
from airflow_provider_sam.rows.arrow_types import cast, decoded, empty_batch, family, without_views
from airflow_provider_sam.rows.batch import MOST_BYTES, arrow_batches
from airflow_provider_sam.rows.sources.files import selected

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pyarrow as pa

    from airflow_provider_sam.rows.batch import ArrowRows
    from airflow_provider_sam.rows.sources.files import RowFile

MOST_ROWS = 1024
"""Rows that are read at once, at most: more are no faster, and few bytes of a file may be many of a batch."""

FIRST_ROWS = 32
"""Rows that are looked at before it is known how large they are."""

BUFFER_BYTES = 32 << 20
"""Bytes that are read ahead, about, for all columns together."""

LARGEST_BUFFER = 8 << 20
"""Bytes that are asked of a store at once, at most: it takes a tenth of a second to answer."""

LOCAL_BUFFER = 1 << 20
"""Bytes that are asked of a disk at once, at most."""

SMALLEST_BUFFER = 64 << 10


class ParquetFiles:
    """Reads one file after the other, and holds their columns to the types of the first."""

    def __init__(self) -> None:
        self._types: dict[str, tuple[pa.DataType, RowFile]] = {}

    def read(self, file: RowFile, columns: Collection[str] | None) -> Iterator[ArrowRows]:
        """Return the rows of `file`; a file without rows gives one batch without rows.

        :raises SamRequestError: it is no whole Parquet file, a column is not in it, or a column has another type than
            in a file before.
        :raises AirflowOptionalProviderFeatureException: pyarrow is not installed.
        """
        pa = optional_library("pyarrow", extra="parquet")
        number = 1
        try:
            with _opened(file) as source:
                reader, names = _reader(file, source, columns)
                schema = self._schema(file, reader.schema_arrow, names)
                for batch in _record_batches(reader, names):
                    if batch.num_rows:
                        whole = _whole(batch, file, names, schema, number)
                        yield from arrow_batches(whole, name=file.name, number=number)
                        number += batch.num_rows
                if number == 1:
                    yield from arrow_batches(empty_batch(schema), name=file.name)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the file system, and not of the file
                raise
            after = f" after row {number - 1}" if number > 1 else ""
            raise SamRequestError(
                f"{file} cannot be read as Parquet{after}: {error}. If the file is incomplete, write it again"
            ) from error

    def _schema(self, file: RowFile, there: pa.Schema, names: list[str]) -> pa.Schema:
        """Return what the columns of a file are to be, and remember it for the files that follow."""
        import pyarrow as pa

        fields = []
        for name in names:
            kind = pa.string() if name in file.partitions else without_views(there.field(name).type)
            fields.append((name, self._type(file, name, decoded(kind) if file.name else kind)))
        return pa.schema(fields)

    def _type(self, file: RowFile, name: str, kind: pa.DataType) -> pa.DataType:
        import pyarrow as pa

        if name not in self._types:
            if not pa.types.is_null(kind):  # no value says what the others may be
                self._types[name] = kind, file
            return kind
        first, where = self._types[name]
        if not pa.types.is_null(kind) and family(kind) != family(first):
            raise SamRequestError(
                f"column {name!r} is {first} in {where} and {kind} in {file}; write all files with the same type"
            )
        return first


@contextmanager
def _opened(file: RowFile) -> Iterator[Any]:
    """Hold a file open for the block: by pyarrow itself on a local disk, and elsewhere without a cache.

    The columns of a file are read in turns, and a cache of the store's file system would read far ahead of each.
    """
    import pyarrow as pa

    path: Any = file.path  # whose `open` has no types
    with pa.OSFile(path.path) if is_local(path) else path.open("rb", cache_type="none") as source:
        yield source


def _reader(file: RowFile, source: Any, columns: Collection[str] | None) -> tuple[Any, list[str]]:
    """Return the reader of a file, and the columns to read, those of its directories among them."""
    parquet = optional_library("pyarrow.parquet", extra="parquet")
    footer = parquet.ParquetFile(source)
    inside = [name for name in footer.schema_arrow.names if name not in file.partitions]
    names = selected(columns, [*inside, *file.partitions], file)
    largest = LOCAL_BUFFER if is_local(file.path) else LARGEST_BUFFER
    buffer = max(SMALLEST_BUFFER, min(largest, BUFFER_BYTES // max(1, len(names))))
    return parquet.ParquetFile(source, metadata=footer.metadata, buffer_size=buffer, pre_buffer=False), names


def _record_batches(reader: Any, names: list[str]) -> Iterator[pa.RecordBatch]:
    there = reader.schema_arrow.names
    # Without any column there would be no rows to count.
    columns = [name for name in names if name in there] or there[:1]
    size = _rows_at_once(reader, columns)
    # More threads are no faster where Python takes the values, and each keeps memory for itself.
    batches: Iterator[pa.RecordBatch] = reader.iter_batches(batch_size=size, columns=columns, use_threads=False)
    return batches


def _rows_at_once(reader: Any, columns: list[str]) -> int:
    """Return how many rows make a batch, from how large they are in the file, and how large the first ones become."""
    groups = [reader.metadata.row_group(number) for number in range(reader.metadata.num_row_groups)]
    if not sum(group.num_rows for group in groups):
        return MOST_ROWS
    paths = [groups[0].column(index).path_in_schema for index in range(reader.metadata.num_columns)]
    wanted = [index for index, path in enumerate(paths) if path in columns or path.partition(".")[0] in columns]
    sizes: list[int] = [sum(group.column(index).total_uncompressed_size for index in wanted) for group in groups]
    largest = max(size // max(1, group.num_rows) for size, group in zip(sizes, groups, strict=True))
    first = next(reader.iter_batches(batch_size=FIRST_ROWS, columns=columns, use_threads=False))
    # A file holds a text once that many rows have.
    become = sum(_decoded(array).nbytes for array in first.columns) // max(1, first.num_rows)
    size: int = MOST_BYTES // max(1, largest, become)
    return max(1, min(MOST_ROWS, size))


def _decoded(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _whole(batch: pa.RecordBatch, file: RowFile, names: list[str], schema: pa.Schema, number: int) -> pa.RecordBatch:
    """Return the rows with the columns of the file's directories, and with the types that they are to have."""
    import pyarrow as pa

    if not names:
        return batch.select([])
    arrays = []
    for name in names:
        kind = schema.field(name).type
        if name in file.partitions:
            arrays.append(pa.array([file.partitions[name]] * batch.num_rows, kind))
            continue
        try:
            arrays.append(cast(batch.column(name), kind))
        except pa.ArrowInvalid as error:
            raise SamRequestError(
                f"{file} rows {number} to {number + batch.num_rows - 1}: column {name!r} does not fit into {kind}, the "
                f"type that it has in the files before: {error}"
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)

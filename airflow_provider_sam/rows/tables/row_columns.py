"""The columns of rows that a table takes over: spooled to disk, then read with the types that all rows agree on."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.arrow_types import decoded, family
from airflow_provider_sam.rows.batch import ArrowRows
from airflow_provider_sam.rows.values import arrow_column, json_text, python_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    import pyarrow as pa

    from airflow_provider_sam.rows.batch import RowBatch

TEXTS = frozenset({str, UUID, type(None)})
"""Types of values that are text in a column of text; anything else in it is there as JSON."""


class RowColumns:
    """Some columns of all rows, in their order, and a few more beside them. Use it as a context manager.

    Where a source has types, they stay. Where it has none, a column has the type that its values have in common, and is
    JSON text where they have none.

    :param names: the columns that are taken over.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        self._ends = [0]
        self._types: dict[str, list[pa.DataType]] = {name: [] for name in names}
        self._as_json: dict[str, set[int]] = {name: set() for name in names}
        self._found: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, batch: RowBatch, extra: dict[str, pa.Array]) -> None:
        """Add rows, and more columns beside them."""
        import pyarrow as pa

        columns = [self._column(batch, name) for name in self._names]
        for name, column in zip(self._names, columns, strict=True):
            if column.type not in self._types[name]:
                self._types[name].append(column.type)
        self._found |= dict.fromkeys(batch.column_names)
        spooled = pa.RecordBatch.from_arrays([*columns, *extra.values()], [*map(str, range(len(columns))), *extra])
        with pa.ipc.new_stream(self._file, spooled.schema) as writer:
            writer.write_batch(spooled)
        self._ends.append(self._file.tell())

    def _column(self, batch: RowBatch, name: str) -> pa.Array:
        import pyarrow as pa

        if isinstance(batch, ArrowRows):
            held = batch.to_arrow()
            if name in held.schema.names:
                return held.column(name)
        elif name in batch.column_names:
            values = batch.column(name)
            array = arrow_column(values)
            if pa.types.is_string(array.type) and not TEXTS.issuperset(map(type, values)):
                self._as_json[name].add(len(self._ends) - 1)
            return array
        return pa.nulls(len(batch))

    def schema(self) -> pa.Schema:
        """Return the columns with their types, once all rows were added.

        :raises SamRequestError: no row has one of the columns.
        """
        import pyarrow as pa

        if len(self._ends) > 1 and (missing := [name for name in self._names if name not in self._found]):
            there = ", ".join(self._found) or "none"
            raise SamRequestError(f"columns names {missing[0]!r}, which the rows do not have; they have {there}")
        return pa.schema([(name, self._type(name)) for name in self._names])

    def _type(self, name: str) -> pa.DataType:
        import pyarrow as pa

        kinds = [kind for kind in self._types[name] if not pa.types.is_null(kind)]
        if not kinds or self._as_json[name]:
            return pa.string()
        common = kinds[0] if len(kinds) == 1 else _common(kinds)
        if common is not None and (len(kinds) == 1 or self._fits(name, common)):
            return common
        self._as_json[name] = {-1}
        return pa.string()

    def _fits(self, name: str, kind: pa.DataType) -> bool:
        """Whether every value can be cast to a type, such as a whole number to the doubles that came later."""
        import pyarrow as pa

        position = self._names.index(name)
        try:
            for number in range(len(self._ends) - 1):
                self._read(number).column(position).cast(kind)
        except (pa.ArrowException, ValueError, TypeError):
            return False
        return True

    def read(self, schema: pa.Schema) -> Iterator[tuple[list[pa.Array], dict[str, list[Any]]]]:
        """Return the rows as they were added: their columns with the types of a schema, and the columns beside them."""
        for number in range(len(self._ends) - 1):
            batch = self._read(number)
            columns = [self._typed(number, batch.column(index), field) for index, field in enumerate(schema)]
            names = batch.schema.names[len(columns) :]
            yield columns, {name: batch.column(name).to_pylist() for name in names}

    def _read(self, number: int) -> pa.RecordBatch:
        import pyarrow as pa

        self._file.seek(self._ends[number])
        data = self._file.read(self._ends[number + 1] - self._ends[number])
        with pa.ipc.open_stream(data) as stream:
            return stream.read_next_batch()

    def _typed(self, number: int, column: pa.Array, field: pa.Field) -> pa.Array:
        import pyarrow as pa

        as_json = self._as_json[field.name]
        if as_json and number not in as_json:
            values = python_values(column)
            return pa.array([None if value is None else json_text(value) for value in values], pa.string())
        return column if column.type == field.type else column.cast(field.type)


def _common(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """Return the type that can hold values of several ones; None where there is none, or values would change."""
    import pyarrow as pa

    kinds = [*map(decoded, kinds)]
    if len({*map(_family, kinds)}) > 1:
        return None
    schemas = [pa.schema([("column", kind)]) for kind in kinds]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowException, ValueError, TypeError):
        return None


def _family(kind: pa.DataType) -> str:
    """Return what types have in common whose values may become values of one of them."""
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return f"timestamp of {kind.tz}"
    if pa.types.is_list(kind) or pa.types.is_struct(kind):
        return str(kind.id)
    return family(kind)

"""A batch of rows: what every source gives, a piece at a time, column by column."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam.rows.values import arrow_column, plain_values, python_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

MOST_ROWS = 8192
"""Rows of a batch, at most."""

MOST_BYTES = 8 << 20
"""Bytes of a batch, about: how many rows it has is chosen by it."""


class RowBatch(Protocol):
    """Some rows that follow each other in one file, or in one source.

    :param name: the file's name for messages, or ``""`` where there is one file or none
    :param number: the number of the first row in its file or source, from 1
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above

    @property
    def number(self) -> int: ...  # noqa: D102 - said above

    @property
    def column_names(self) -> Sequence[str]:
        """The names of the columns, in their order."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> list[Any]:
        """Return a column's values as Python has them; what stands for a missing value (NaN, NaT, NA) is None.

        :raises KeyError: there is no such column.
        """

    def to_arrow(self) -> pa.RecordBatch:
        """Return the rows with the types that their source has, or else with those of the values of this batch.

        A column without a value has the type null, whatever other batches have.
        """


class ArrowRows:
    """Rows that Arrow holds.

    :param batch: the rows
    :param name: the file's name, or ``""``
    :param number: the number of the first row, from 1
    """

    def __init__(self, batch: pa.RecordBatch, *, name: str = "", number: int = 1) -> None:
        self.name = name
        self.number = number
        self._batch = batch

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._batch.schema.names)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def column(self, name: str) -> list[Any]:
        """Return a column's values as Python has them.

        :raises KeyError: there is no such column.
        """
        return python_values(self._batch.column(name))

    def to_arrow(self) -> pa.RecordBatch:
        """Return the rows as they are held."""
        return self._batch


class PlainRows:
    """Rows that Python holds, column by column.

    :param columns: the values of each column, all of one length
    :param length: how many rows there are
    :param name: the file's name, or ``""``
    :param number: the number of the first row, from 1
    """

    def __init__(
        self, columns: Mapping[str, Sequence[Any]], *, length: int | None = None, name: str = "", number: int = 1
    ) -> None:
        self.name = name
        self.number = number
        self._columns = {column: plain_values(values) for column, values in columns.items()}
        self._length = len(next(iter(columns.values()), ())) if length is None else length

    @classmethod
    def of(
        cls,
        rows: Sequence[Mapping[str, Any]],
        *,
        columns: Collection[str] | None = None,
        name: str = "",
        number: int = 1,
    ) -> PlainRows:
        """Make a batch of mappings; where one lacks a column that others have, that is None.

        :param columns: the columns to take, in this order, if it is one; None for all, in that in which they come up.
        """
        names: Iterable[str]
        if columns is None:
            names = dict.fromkeys(key for row in rows for key in row)
        else:  # a set has another order in every process
            names = sorted(columns) if isinstance(columns, AbstractSet) else columns
        values = {column: [row.get(column) for row in rows] for column in names}
        return cls(values, length=len(rows), name=name, number=number)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._columns)

    def __len__(self) -> int:
        return self._length

    def column(self, name: str) -> list[Any]:
        """Return a column's values.

        :raises KeyError: there is no such column.
        """
        return self._columns[name]

    def to_arrow(self) -> pa.RecordBatch:
        """Return the rows with types inferred from their values; JSON text where these have no common type."""
        import pyarrow as pa

        arrays = [arrow_column(values) for values in self._columns.values()]
        if not arrays:  # Arrow counts rows by its columns, save in a struct
            return pa.RecordBatch.from_struct_array(pa.array([{}] * self._length, pa.struct([])))
        return pa.RecordBatch.from_arrays(arrays, list(self._columns))


def where(batch: RowBatch, index: int) -> str:
    """Return where a row stands, for a message: its file's name, if it has one, and its number there."""
    return f"{batch.name} row {batch.number + index}".lstrip()


def arrow_batches(batch: pa.RecordBatch, *, name: str = "", number: int = 1) -> Iterator[ArrowRows]:
    """Cut a record batch of any size into batches of rows, without copying it."""
    pieces = max(1, -(-batch.num_rows // MOST_ROWS), min(batch.num_rows, -(-batch.nbytes // MOST_BYTES)))
    size = max(1, -(-batch.num_rows // pieces))
    for start in range(0, max(1, batch.num_rows), size):
        yield ArrowRows(batch.slice(start, size), name=name, number=number + start)

"""Rows of a CSV file: a header, then text. CSV has no types, so "007" stays "007"; what is empty is None."""

from __future__ import annotations

import csv
from bisect import bisect_left
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.batch import MOST_BYTES, MOST_ROWS, PlainRows
from airflow_provider_sam.rows.sources.files import lines_of, selected

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_sam.rows.sources.files import RowFile

LONGEST_LINE = 64 << 20
"""Most bytes of a line."""

LONGEST_VALUE = 8 << 20
"""Most characters of a value. A quote that is never closed takes all that follows for one value."""

OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}

OPEN_QUOTE = "unexpected end of data"
"""What the standard library says of a quote that is never closed."""


def read_csv(file: RowFile, columns: Collection[str] | None) -> Iterator[PlainRows]:
    """Return the rows of `file`; blank lines are none. A file that is only a header gives one batch without rows.

    :raises SamRequestError: it is no table in UTF-8 with commas, or a column is not in it.
    """
    table = _Table(file)
    names = selected(columns, [*table.header, *(key for key in file.partitions if key not in table.header)], file)
    number = 1
    while (rows := table.take()) or number == 1:
        yield PlainRows(
            {name: _column(name, rows, table) for name in names}, length=len(rows), name=file.name, number=number
        )
        if not rows:
            return
        number += len(rows)


def _column(name: str, rows: list[list[str]], table: _Table) -> list[str | None]:
    if name in table.file.partitions:
        return [table.file.partitions[name]] * len(rows)
    index = table.header.index(name)
    return [row[index] or None for row in rows]


class _Table:
    """A CSV file, read a row at a time.

    :param file: the file
    :raises SamRequestError: it has no header.
    """

    def __init__(self, file: RowFile) -> None:
        self.file = file
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines, strict=True)
        self._number = 0
        with _long_values():
            self.header = self._next() or []
        self._check_header()

    def take(self) -> list[list[str]]:
        """Return the next rows, as many as make a batch; none at the end.

        :raises SamRequestError: a row is broken, or has more or fewer values than the header has columns.
        """
        rows: list[list[str]] = []
        self._lines.size = 0
        with _long_values():
            while len(rows) < MOST_ROWS and self._lines.size < MOST_BYTES and (row := self._next()) is not None:
                if len(row) != len(self.header):
                    raise self._uneven(row)
                rows.append(row)
        return rows

    def _next(self) -> list[str] | None:
        row: list[str] | None = []
        while row == []:  # a blank line
            self._lines.since_row.clear()
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                raise self._broken(str(error)) from None
        self._number += 1
        return row

    def _check_header(self) -> None:
        if not self.header:
            raise SamRequestError(f"{self.file} is empty: a CSV file begins with the names of its columns")
        first = self.header[0]
        if len(self.header) == 1 and (used := next((mark for mark in OTHER_DELIMITERS if mark in first), None)):
            raise SamRequestError(
                f"{self.file} has {OTHER_DELIMITERS[used]} between its columns ({first[:80]!r}): save it with commas, "
                f"or give rows as a callable that reads it, with csv.DictReader(file, delimiter={used!r})"
            )

    def _row(self) -> str:
        """Return where the row stands that is read at this moment; the header is line 1, and no row."""
        line = self._lines.number - len(self._lines.since_row) + 1
        return f"{self.file} row {self._number} (line {line})" if self._number else f"{self.file} line {line}"

    def _uneven(self, row: list[str]) -> SamRequestError:
        self._number -= 1
        count, there = len(row), len(self.header)
        if count < there:
            return SamRequestError(
                f"{self._row()} ends before column {self.header[count]!r}: it has {count} of {there} values"
            )
        return SamRequestError(
            f"{self._row()} goes on after its last column, {self.header[-1]!r}: it has {count} values for {there} "
            "columns; is a value with a comma not quoted?"
        )

    def _broken(self, reason: str) -> SamRequestError:
        index = _broken_column("".join(self._lines.since_row))
        column = f" column {self.header[index]!r}" if self._number and index < len(self.header) else ""
        if reason == OPEN_QUOTE:
            reason = "a quote is opened and never closed"
        return SamRequestError(
            f"{self._row()}{column} is not valid CSV: {reason}; a quote inside a value is written twice"
        )


class _Lines:
    """The lines of a file as text; those since the row's beginning are kept, to say what is wrong with it."""

    def __init__(self, file: RowFile) -> None:
        self._file = file
        self._lines = lines_of(file, LONGEST_LINE)
        self.number = 0
        self.size = 0
        self.since_row: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        self.size += len(line)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise SamRequestError(
                f"{self._file} line {self.number} is not UTF-8: save the file as UTF-8 (in Excel: 'CSV UTF-8')"
            ) from None
        self.since_row.append(text)
        return text


def _broken_column(text: str) -> int:
    """Return the index of the value in which a row cannot be read on."""
    end = bisect_left(range(1, len(text) + 1), 1, key=lambda length: _breaks(text[:length]))
    with _long_values():
        return max(0, len(next(csv.reader(StringIO(text[:end], newline="\n")), [])) - 1)


def _breaks(text: str) -> bool:
    try:
        next(csv.reader(StringIO(text, newline="\n"), strict=True), None)
    except csv.Error as error:
        return str(error) != OPEN_QUOTE
    return False


@contextmanager
def _long_values() -> Iterator[None]:
    """Let values be long for the block. The library has one limit for all, so that the old one is put back."""
    before = csv.field_size_limit(LONGEST_VALUE)
    try:
        yield
    finally:
        csv.field_size_limit(before)

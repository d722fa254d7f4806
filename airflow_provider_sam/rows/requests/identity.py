"""Who a row is: its custom_id says which row and which request a result answers, so that no side file is needed.

The first part is a hash of the row's id, the second one a hash of the whole request. The same row with another prompt,
model or output type has another custom_id; two rows that ask the same have the same second part.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import msgspec

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.batch import where
from airflow_provider_sam.rows.disk import temporary_database
from airflow_provider_sam.rows.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from airflow_provider_sam.rows.batch import RowBatch

DIGITS = 28
"""Hexadecimal digits of each hash; both and a hyphen are within the 64 characters of a custom_id."""

ID_TYPES = (str, int, date, datetime, Decimal, UUID)
"""What an id may be: values that have one form as text and no other."""


def custom_id_of(id_hash: str, params: bytes) -> str:
    """Return the custom_id of a row.

    :param id_hash: as `id_hashes` gives it.
    :param params: the parameters of its request, as they are sent.
    """
    return f"{id_hash}-{hashlib.sha256(params).hexdigest()[:DIGITS]}"


def id_part(custom_id: str) -> str:
    """Return the part of a row's custom_id that stands for its id."""
    return custom_id[:DIGITS]


def params_part(custom_id: str) -> str:
    """Return the part of a row's custom_id that stands for its request."""
    return custom_id[DIGITS + 1 :]


class Identities:
    """The ids of one pass over a table: each stands once, none is null, and all values of a column have one type.

    They lie on disk once there are many, so that a million rows take no more memory than a few. Use it as a context
    manager.

    :param columns: the columns that make up the id.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._types: dict[str, tuple[type, str]] = {}
        self._names: list[str] = []
        self._seen = temporary_database()
        self._seen.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, name INTEGER, number INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._seen.close()

    def hashes(self, batch: RowBatch) -> list[str]:
        """Return the hashes of the ids of some rows, which have not been looked at before.

        :raises SamRequestError: an id is null, has a type that is none for an id, another type than the ids before it,
            or stands twice; the message names the rows.
        """
        values = [batch.column(name) for name in self._columns]
        for name, column in zip(self._columns, values, strict=True):
            self._check(batch, name, column)
        texts = zip(*([*map(as_text, column)] for column in values), strict=True)
        digests = [hashlib.sha256(msgspec.json.encode(each)).digest()[: DIGITS // 2] for each in texts]
        self._add(batch, digests, values)
        return [digest.hex() for digest in digests]

    def _check(self, batch: RowBatch, name: str, column: Sequence[Any]) -> None:
        for index, value in enumerate(column):
            kind = type(value)
            first, place = self._types.get(name, (kind, ""))
            if kind is first and place:
                continue
            if value is None:
                raise SamRequestError(f"{where(batch, index)}: id column {name!r} is null; every row needs an id")
            if not isinstance(value, ID_TYPES) or isinstance(value, bool):
                raise SamRequestError(
                    f"{where(batch, index)}: id column {name!r} holds a {kind.__name__}; an id is a text, a whole "
                    "number, a date, a decimal or a UUID. Convert the column where the rows come from"
                )
            if place:
                raise SamRequestError(
                    f"id column {name!r} has two types: {first.__name__} in {place}, {kind.__name__} in "
                    f"{where(batch, index)}; make them one where the rows come from"
                )
            self._types[name] = kind, where(batch, index)

    def _add(self, batch: RowBatch, digests: Sequence[bytes], values: Sequence[Sequence[Any]]) -> None:
        if not self._names or self._names[-1] != batch.name:
            self._names.append(batch.name)
        rows = [(digest, len(self._names) - 1, batch.number + index) for index, digest in enumerate(digests)]
        try:
            self._seen.execute("BEGIN")
            self._seen.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)
            self._seen.execute("COMMIT")
        except sqlite3.IntegrityError:
            self._seen.execute("ROLLBACK")
            raise self._duplicate(batch, digests, values) from None

    def _duplicate(self, batch: RowBatch, digests: Sequence[bytes], values: Sequence[Sequence[Any]]) -> SamRequestError:
        here: dict[bytes, int] = {}
        for index, digest in enumerate(digests):
            first = self._place(digest) or (where(batch, here[digest]) if digest in here else None)
            if first is not None:
                named = zip(self._columns, values, strict=True)
                shown = ", ".join(f"{name}={as_text(column[index])!r}"[:80] for name, column in named)
                return SamRequestError(
                    f"{first} and {where(batch, index)} have the same id ({shown}); an id stands for one row. Name "
                    "more columns as id_column, or remove the duplicate"
                )
            here[digest] = index
        raise AssertionError  # the database has found one

    def _place(self, digest: bytes) -> str | None:
        with closing(self._seen.execute("SELECT name, number FROM seen WHERE id = ?", (digest,))) as found:
            row = found.fetchone()
        return None if row is None else f"{self._names[row[0]]} row {row[1]}".lstrip()

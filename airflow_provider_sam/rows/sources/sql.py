"""Rows of a query: through any Airflow connection to a database, and never more of them than a batch at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseHook
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.batch import MOST_BYTES, MOST_ROWS, PlainRows
from airflow_provider_sam.rows.sources.files import selected
from airflow_provider_sam.rows.sources.streams import size_of, type_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_sam.rows.sql import SqlRows

FIRST_FETCH = 32
"""Rows that are fetched before it is known how large they are."""

SAMPLE = 64
"""Rows that are measured of those at hand, about."""

NAMED_CURSORS = frozenset({"psycopg", "psycopg2"})
"""Clients of PostgreSQL: a cursor with a name stays on the server, and any other fetches all rows at once."""

STREAMING_CURSORS = {"MySQLdb": "MySQLdb.cursors", "pymysql": "pymysql.cursors"}
"""Clients of MySQL: the module that has the cursor that does not fetch all rows at once, `SSCursor`."""


def read_sql(source: SqlRows, columns: Collection[str] | None) -> Iterator[PlainRows]:
    """Return the rows of a query; a result without rows gives one batch without rows.

    :raises SamRequestError: the connection is none to a database, the query fails, the database breaks off, or a column
        is not in the result.
    """
    hook: Any = BaseHook.get_hook(source.conn_id)
    number, size = 1, FIRST_FETCH
    try:
        with _connected(hook, source) as connection, _executed(connection, source) as cursor:
            rows = cursor.fetchmany(size)
            places = _places(cursor.description, columns, source)
            while rows or number == 1:
                values = {name: _column(rows, name, index) for name, index in places.items()}
                yield PlainRows(values, length=len(rows), number=number)
                if not rows:
                    return
                number += len(rows)
                size = _next_size(rows)
                rows = cursor.fetchmany(size)
    except SamRequestError:
        raise
    except Exception as error:  # each client of a database has errors of its own
        raise _failure(source, number - 1, error) from error


@contextmanager
def _connected(hook: Any, source: SqlRows) -> Iterator[Any]:
    """Hold a connection to the database for the block."""
    connection: Any = hook.get_conn() if hasattr(hook, "get_conn") else None
    if not hasattr(connection, "cursor"):
        raise SamRequestError(
            f"rows: connection {source.conn_id!r} does not lead to a SQL database (its hook is {type_name(hook)})"
        )
    try:
        yield connection
    finally:
        with suppress(Exception):  # it may be broken already, and whatever broke it says more
            connection.close()


@contextmanager
def _executed(connection: Any, source: SqlRows) -> Iterator[Any]:
    """Run the query for the block, and leave its rows on the server where the client can."""
    clients = {base.__module__.partition(".")[0] for base in type(connection).__mro__}
    named = bool(clients & NAMED_CURSORS)
    streaming = [STREAMING_CURSORS[client] for client in clients & set(STREAMING_CURSORS)]
    if named:
        cursor = connection.cursor(name="sam_rows")
    elif streaming:
        cursor = connection.cursor(importlib.import_module(streaming[0]).SSCursor)
    else:
        cursor = connection.cursor()
    try:
        if source.parameters is None:  # without any, a percent sign is one
            cursor.execute(source.sql)
        else:
            cursor.execute(source.sql, source.parameters)
        yield cursor
    finally:
        if named:  # the streaming ones would first read all that is left; the connection's end is theirs
            with suppress(Exception):
                cursor.close()


def _places(description: Any, columns: Collection[str] | None, source: SqlRows) -> dict[str, int]:
    """Return the columns of the result that are needed, and where each stands in a row."""
    there = [str(column[0]) for column in description or ()]
    if not there:
        raise SamRequestError(f"the query of rows on connection {source.conn_id!r} has no result: write a SELECT")
    names = selected(columns, there, f"the query of rows on connection {source.conn_id!r}")
    return {name: there.index(name) for name in names}


def _column(rows: Sequence[Any], name: str, index: int) -> list[Any]:
    key: Any = name if rows and isinstance(rows[0], Mapping) else index  # as the connection's cursors have them
    return [row[key] for row in rows]


def _next_size(rows: Sequence[Any]) -> int:
    """Return how many rows make a batch, from how large those at hand are."""
    some = rows[:: max(1, len(rows) // SAMPLE)]
    each = sum(size_of(row if isinstance(row, Mapping) else tuple(row)) for row in some) // len(some)
    return max(1, min(MOST_ROWS, MOST_BYTES // max(1, each)))


def _failure(source: SqlRows, count: int, error: Exception) -> SamRequestError:
    progress = f"after row {count}" if count else "before its first row"
    failure = SamRequestError(
        f"the query of rows on connection {source.conn_id!r} failed {progress}: {type_name(error)}: "
        f"{' '.join(str(error).split()).rstrip('.')}"
    )
    failure.retry_hint = "Nothing was sent; a retry runs the query anew."
    return failure

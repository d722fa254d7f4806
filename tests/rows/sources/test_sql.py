"""A query's rows come through an Airflow connection, a batch at a time; the others stay on the server."""

from __future__ import annotations

import sqlite3
import sys
import types
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from airflow_provider_sam._compat import BaseHook
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources import sql
from airflow_provider_sam.rows.sql import SqlRows

QUERY = "SELECT 1 AS id"
VALUES = {
    "id": UUID(int=1),
    "amount": Decimal("1.10"),
    "day": date(2026, 1, 2),
    "at": datetime(2026, 1, 2, tzinfo=UTC),
    "raw": memoryview(b"\xff"),
    "tags": ["a"],
    "score": float("nan"),
}


class Connection:
    """A connection of some client, and its one cursor."""

    def __init__(self, rows=(), columns=("id",), fails_at=None):
        self.rows, self.columns, self.fails_at = list(rows), columns, fails_at
        self.asked, self.sizes, self.executed = [], [], None
        self.description, self.closed = None, False

    def cursor(self, *args, **kwargs):
        self.asked = [*args, *kwargs.items()]
        return self

    def execute(self, *query):
        self.executed = query

    def fetchmany(self, size):
        self.description = self.columns and [(name, None) for name in self.columns]  # not known before, as in psycopg2
        self.sizes.append(size)
        if self.fails_at == len(self.sizes):
            raise ConnectionResetError("server closed the connection unexpectedly.\n")
        taken, self.rows = self.rows[:size], self.rows[size:]
        return taken

    def close(self):
        self.closed = True
        raise ConnectionError("it is closed already")


@pytest.fixture
def connected(mocker):
    """Puts a connection of a client behind the one of Airflow that has the name `db`."""

    def connected(connection):
        hooks = {"db": types.SimpleNamespace(get_conn=lambda: connection)}
        mocker.patch.object(BaseHook, "get_hook", hooks.__getitem__)
        return connection

    return connected


@pytest.fixture
def of_client(monkeypatch):
    """Makes a connection as a client's module has them, where the client can also be imported."""

    def of_client(name):
        client = types.ModuleType(name)
        client.cursors = types.SimpleNamespace(SSCursor="the streaming cursor")
        monkeypatch.setitem(sys.modules, f"{name}.cursors", client.cursors)
        base = type("Base", (Connection,), {"__module__": f"{name}.extensions"})
        return type("Own", (base,), {})([(1,)])

    return of_client


def test_a_query_is_read_with_its_parameters(read, connected):
    database = sqlite3.connect(":memory:")
    connected(database)
    query = "SELECT ? AS id, 'a%' AS text, NULL AS more UNION ALL SELECT 2, '', 'x' ORDER BY id"
    found = read(SqlRows(query, "db", [1]), {"more", "id", "text"})
    assert found.rows == [{"id": 1, "text": "a%", "more": None}, {"id": 2, "text": "", "more": "x"}]
    assert found.places == ["row 1", "row 2"]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


@pytest.mark.parametrize("row", [tuple(VALUES.values()), list(VALUES.values()), VALUES], ids=["tuple", "list", "dict"])
def test_values_arrive_as_python_has_them_whatever_a_row_is(read, connected, row):
    connected(Connection([row], list(VALUES)))
    assert read(SqlRows(QUERY, "db")).rows == [VALUES | {"raw": b"\xff", "score": None}]


def test_a_result_without_rows_still_has_its_columns(read, connected):
    connection = connected(Connection([], ["id", "text"]))
    found = read(SqlRows(QUERY, "db"), ["text"])
    assert (found.sizes, found.columns, connection.sizes) == ([0], ["text"], [sql.FIRST_FETCH])


@pytest.mark.parametrize(("parameters", "executed"), [(None, ("q",)), ([], ("q", [])), ({"a": 1}, ("q", {"a": 1}))])
def test_a_percent_sign_is_one_where_there_are_no_parameters(read, connected, parameters, executed):
    connection = connected(Connection())
    read(SqlRows("q", "db", parameters))
    assert connection.executed == executed


@pytest.mark.parametrize(
    ("client", "asked"),
    [
        ("psycopg2", [("name", "sam_rows")]),
        ("psycopg", [("name", "sam_rows")]),
        ("MySQLdb", ["the streaming cursor"]),
        ("pymysql", ["the streaming cursor"]),
        ("sqlite3", []),
    ],
)
def test_a_client_that_would_fetch_all_rows_is_asked_to_leave_them_on_the_server(
    read, connected, of_client, client, asked
):
    connection = connected(of_client(client))
    assert read(SqlRows(QUERY, "db")).rows == [{"id": 1}]
    assert connection.asked == asked
    assert connection.closed


@pytest.mark.parametrize(("text", "size"), [("x", 8192), ("x" * 10_000, 830), ("x" * 9_000_000, 1)])
def test_as_many_rows_are_fetched_as_make_a_batch(read, connected, text, size):
    connection = connected(Connection([(text,)] * 40))
    found = read(SqlRows(QUERY, "db"))
    assert connection.sizes[:2] == [32, size]
    assert sum(found.sizes) == 40


@pytest.mark.parametrize(
    ("connection", "columns", "problem"),
    [
        (
            Connection(columns=["id", "a", "id"]),
            None,
            "the query of rows on connection 'db' has two columns named 'id'",
        ),
        (Connection(columns=["id", "a"]), ["b"], "connection 'db' has no column 'b'; its columns are 'id', 'a'"),
        (Connection(columns=None), None, "connection 'db' has no result: write a SELECT"),
        (object(), None, r"connection 'db' does not lead to a SQL database \(its hook is types.SimpleNamespace\)"),
    ],
)
def test_a_query_that_gives_no_table_is_refused(read, connected, connection, columns, problem):
    connected(connection)
    with pytest.raises(SamRequestError, match=problem):
        read(SqlRows(QUERY, "db"), columns)


@pytest.mark.parametrize(("fails_at", "progress"), [(1, "before its first row"), (2, "after row 32")])
def test_a_database_that_breaks_off_is_an_error_and_not_the_end(read, connected, fails_at, progress):
    connection = connected(Connection([(1,)] * 99, fails_at=fails_at))
    with pytest.raises(SamRequestError) as caught:
        read(SqlRows(QUERY, "db"))
    assert str(caught.value) == (
        f"the query of rows on connection 'db' failed {progress}: ConnectionResetError: server closed the connection "
        "unexpectedly. Nothing was sent; a retry runs the query anew."
    )
    assert connection.closed


def test_a_query_is_a_value_that_shows_no_parameters():
    query = SqlRows(QUERY, "db", {"token": "a-secret"})
    assert repr(query) == str(query) == "SqlRows(sql='SELECT 1 AS id', conn_id='db')"
    assert query == SqlRows(QUERY, "db", {"token": "a-secret"})

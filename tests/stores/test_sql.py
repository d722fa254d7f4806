"""A query's rows come from PostgreSQL a batch at a time, with their values, or with an error if it breaks off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources.source import open_rows
from airflow_provider_sam.rows.sql import SqlRows

pytestmark = [pytest.mark.stores, pytest.mark.timeout(300), pytest.mark.usefixtures("client")]

ROOT = Path(__file__).parents[2]
MEGABYTES = 32
MILLION = 1_000_000
QUERY = "SELECT id, repeat(md5(id::text), 4) AS text, 'x' AS rest FROM generate_series(1, %s) AS id ORDER BY id"
MEASURING = """
import json, sys
from airflow.providers.postgres.hooks import postgres
from airflow_provider_sam.rows.sources.source import open_rows
from airflow_provider_sam.rows.sql import SqlRows
from tests.rows.measuring import in_a_child, measured

client, query, *counts = sys.argv[1:]
postgres.USE_PSYCOPG3 = client == "psycopg"
list(open_rows(SqlRows(query, "my_database", [1]), columns=None))  # loads what every child would load
for count in map(int, counts):
    print(json.dumps(in_a_child(lambda: measured(SqlRows(query, "my_database", [count])))))
"""
VALUES = {
    "1.10::numeric(5, 2)": Decimal("1.10"),
    "'NaN'::numeric": None,
    "'NaN'::float8": None,
    "9007199254740993": 9007199254740993,
    "date '2026-01-02'": date(2026, 1, 2),
    "timestamptz '2026-01-02 03:04:05.000006+00'": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
    "time '01:02'": time(1, 2),
    "interval '1 day'": timedelta(1),
    "uuid '00000000-0000-0000-0000-000000000007'": UUID(int=7),
    r"'\xff00'::bytea": b"\xff\x00",
    """'{"a": [1, null]}'::jsonb""": {"a": [1, None]},
    "array['a', null]": ["a", None],
    "true": True,
    "null::text": None,
    "'50 %'": "50 %",
}


@pytest.mark.parametrize("extra", [{}, {"cursor": "dictcursor"}], ids=["tuples", "mappings"])
def test_values_arrive_as_python_has_them(database, extra):
    database(**extra)
    columns = ", ".join(f"{value} AS c{number}" for number, value in enumerate(VALUES))
    (batch,) = open_rows(SqlRows(f"SELECT {columns}", "my_database"), columns=None)
    found = [batch.column(name) for name in batch.column_names]
    if isinstance(found[8][0], str):  # psycopg2 leaves it so
        found[8] = [UUID(found[8][0])]
    assert found == [[value] for value in VALUES.values()]
    assert batch.to_arrow().num_rows == 1


@pytest.mark.usefixtures("database")
def test_a_result_without_rows_has_its_columns():
    (batch,) = open_rows(SqlRows(QUERY, "my_database", [0]), columns=["text"])
    assert (len(batch), batch.column_names) == (0, ["text"])


@pytest.mark.usefixtures("database")
def test_a_query_that_fails_says_why():
    said = r"the query of rows on connection 'my_database' failed before its first row: .*UndefinedTable: .*no_table"
    with pytest.raises(SamRequestError, match=said):
        list(open_rows(SqlRows("SELECT * FROM no_table", "my_database"), columns=None))


@pytest.mark.usefixtures("database")
def test_a_connection_that_is_lost_in_the_middle_is_an_error_and_not_the_end(postgres_server):
    batches = open_rows(SqlRows(QUERY, "my_database", [MILLION]), columns=["id"])
    sizes = [len(next(batches)), len(next(batches))]
    end_all_sessions(postgres_server)
    with pytest.raises(SamRequestError) as caught:
        add_sizes(sizes, batches)
    count = sum(sizes)
    assert 0 < count < MILLION
    assert f"on connection 'my_database' failed after row {count}: " in str(caught.value)
    assert str(caught.value).endswith(". Nothing was sent; a retry runs the query anew.")


def add_sizes(sizes, batches):
    for batch in batches:
        sizes.append(len(batch))


def end_all_sessions(folder):
    import psycopg

    with psycopg.connect(host=folder, user="postgres", autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        assert ended.fetchall() == [(True,)]


@pytest.mark.usefixtures("database")
def test_a_million_rows_take_no_more_memory_than_ten_thousand(client):
    command = [sys.executable, "-c", MEASURING, client, QUERY, "10000", str(MILLION)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-3000:]
    few, many = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert (few["rows"], many["rows"]) == (10_000, MILLION)
    assert many["megabytes"] - few["megabytes"] < MEGABYTES

"""The Dag of the documentation takes its rows from PostgreSQL and loads the table that lands, once, however often."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyarrow import Table, parquet

from tests.commands import airflow, complaints, dags_at, run_dag

pytestmark = [pytest.mark.stores, pytest.mark.timeout(300)]

FOLDER = Path(__file__).parent / "dags"
REVIEWS = 5000


@pytest.fixture
def warehouse(database, postgres_server, monkeypatch):  # noqa: ARG001 - the connection is its
    """A session in the database behind the connection `warehouse`, with its tables empty."""
    import psycopg  # installed where there are stores

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", os.environ["AIRFLOW_CONN_MY_DATABASE"])
    with psycopg.connect(host=postgres_server, user="postgres", autocommit=True) as session:
        session.execute("DROP TABLE IF EXISTS reviews, classified")
        session.execute("CREATE TABLE reviews (review_id integer, review text)")
        session.execute("CREATE TABLE classified (review_id integer, answer text, outcome text CHECK (outcome > ''))")
        yield session


@pytest.fixture
def landed(tmp_path):
    """What lands a table, and gives its manifest."""

    def landed(*rows):
        path = tmp_path / "classified.parquet"
        columns = ["review_id", "answer", "outcome"]
        parquet.write_table(Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows]), path)
        return {"files": [{"path": path.as_uri()}]}

    return landed


def classified(warehouse):
    return warehouse.execute("SELECT * FROM classified ORDER BY review_id").fetchall()


def test_rows_of_the_warehouse_come_back_into_it_classified(sam, warehouse, tmp_path):
    airflow("db", "migrate")
    warehouse.execute(
        "INSERT INTO reviews SELECT id, CASE id %% 2 WHEN 0 THEN 'Bad ' ELSE 'Good ' END || id "
        "FROM generate_series(1, %s) AS id",
        [REVIEWS],
    )
    sam.answers = lambda params: f'{{"answer": "{"positive" if "Good" in str(params["messages"]) else "negative"}"}}'
    for _night in range(2):
        said = run_dag("warehouse", sam, {"folder": tmp_path.as_uri()}, **dags_at(FOLDER))
        # This environment has the file system of Google's provider, and not all that the provider itself asks for.
        assert not [line for line in complaints(said) if "airflow.providers.google" not in line]
        assert classified(warehouse) == [
            (number, "positive" if number % 2 else "negative", "succeeded") for number in range(1, REVIEWS + 1)
        ]
    assert [batch.requests for batch in sam.batches] == [REVIEWS]


@pytest.mark.usefixtures("client")
def test_loading_again_neither_doubles_rows_nor_keeps_those_that_are_gone(warehouse, landed):
    from tests.stores.dags.warehouse import load

    first = [(1, "positive", "succeeded"), (2, None, "expired")]
    for rows in (first, first, [(2, "negative", "succeeded"), (3, "neither", "succeeded")]):
        load.function(landed(*rows))
        assert classified(warehouse) == rows


@pytest.mark.usefixtures("client")
def test_a_load_that_fails_leaves_what_was_there(warehouse, landed):
    from tests.stores.dags.warehouse import load

    load.function(landed((1, "positive", "succeeded")))
    with pytest.raises(Exception, match="violates check constraint"):
        load.function(landed((1, "negative", "succeeded"), (2, "negative", "")))
    assert classified(warehouse) == [(1, "positive", "succeeded")]

"""A query's rows become a batch and land as a table, or, if the database breaks off, nothing is sent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pyarrow import parquet

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.rows.sql import SqlRows
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

pytestmark = [pytest.mark.stores, pytest.mark.timeout(300), pytest.mark.usefixtures("client", "database")]

CREATE = "messages_batches_create"
ROWS = 20_000
QUERY = (
    "SELECT id, CASE WHEN id = %s THEN pg_terminate_backend(pg_backend_pid())::text ELSE 'Text ' || id END AS text "
    "FROM generate_series(1, %s) AS id ORDER BY id"
)
"""A query that ends its own session at a row."""


@pytest.fixture
def task(sam, tmp_path):  # noqa: ARG001 - the connection leads there
    """The submitting task, of which each call is a try."""

    def task(*parameters):
        return SamCreateBatchOperator(
            task_id="submit",
            rows=SqlRows(QUERY, "my_database", parameters),
            id_column="id",
            prompt="{text}",
            defaults={"model": "sam-small", "max_tokens": 20},
            state_path=(tmp_path / "state").as_uri(),
        )

    return task


def run(task):
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="submit", map_index=-1, max_tries=0)
    return task.execute({"ti": ti})


def test_a_session_that_ends_in_the_middle_fails_the_task_and_nothing_is_sent(sam, task):
    with pytest.raises(SamRequestError) as caught:
        run(task(ROWS - 1, ROWS))
    said = str(caught.value)
    assert said.startswith("the query of rows on connection 'my_database' failed after row ")
    assert said.endswith(". Nothing was sent; a retry runs the query anew.")
    assert 0 < int(said.partition("after row ")[2].partition(":")[0]) < ROWS - 1
    assert caught.value.retryable
    assert sam.count(CREATE) == 0

    run(task(0, ROWS))
    assert (sam.count(CREATE), [batch.requests for batch in sam.batches]) == (1, [ROWS])


def test_each_row_of_a_query_is_one_of_the_table_with_its_answer(sam, task, tmp_path):
    sam.answers = lambda params: f"Answer to {params['messages'][0]['content']}"
    submit = task(0, ROWS)
    manifest = SamBatchToObjectStorageOperator(
        task_id="land",
        batch_id=run(submit),
        path=(tmp_path / "table.parquet").as_uri(),
        rows=submit.rows,
        columns={"id": "id", "text": "asked"},
    ).execute({})
    assert manifest["table"]["rows"] == ROWS
    assert parquet.read_table(tmp_path / "table.parquet", columns=["id", "asked", "text"]).to_pylist() == [
        {"id": number, "asked": f"Text {number}", "text": f"Answer to Text {number}"} for number in range(1, ROWS + 1)
    ]

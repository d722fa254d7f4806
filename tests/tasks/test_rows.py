"""A Dag says once what its rows are: paths and queries are templates, and everything else is data."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.message import SamCreateMessageOperator
from airflow_provider_sam.rows.sql import SqlRows
from airflow_provider_sam.tasks.rows import RowRequests
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

ROWS = [{"id": 1, "text": "{{ ds }}"}]
RECIPE = {"id_column": "id", "prompt": "{text} {{{{ ds }}}}", "defaults": {"model": "{{ ds }}", "max_tokens": 5}}


@pytest.fixture(autouse=True)
def _dag():
    with DAG(dag_id="dag", schedule=None):
        yield


def rendered(operator, **context):
    operator.render_template_fields({"task": operator, "ds": "2026-01-02", **context})
    return operator.rows


def submit(rows, **arguments):
    return ObjectStorageToSamBatchOperator(task_id="submit", rows=rows, **{**RECIPE, **arguments})


def bound(rows):
    return rows.bind({"ds": "2026-01-02"}, model="connection")


def requests(rows):
    batches = bound(rows).batches(None)
    return [values for batch in batches for values in batch.column("text")]


def test_a_path_is_rendered_with_what_it_reuses_and_its_connection():
    rows = rendered(submit("s3://bucket/{{ ds }}.csv", reuse=["s3://b/{{ ds }}/"], storage_conn_id="c-{{ ds }}"))
    assert (rows.rows, rows.reuse, rows.storage_conn_id) == (
        "s3://bucket/2026-01-02.csv",
        ["s3://b/2026-01-02/"],
        "c-2026-01-02",
    )


def test_a_query_is_rendered_and_is_still_the_dags_own():
    query = SqlRows("SELECT * FROM t WHERE day = '{{ ds }}'", conn_id="{{ ds }}", parameters=["{{ ds }}", 7])
    operator = submit(query)
    before = operator.rows
    assert rendered(operator).rows == SqlRows(
        "SELECT * FROM t WHERE day = '2026-01-02'", conn_id="2026-01-02", parameters=["2026-01-02", 7]
    )
    assert before.rows is query


@pytest.mark.parametrize("rows", [ROWS, lambda context: [{**ROWS[0], "ds": context["ds"]}]])
def test_rows_prompt_and_parameters_are_never_rendered(rows):
    found = rendered(submit(rows))
    assert requests(found) == ["{{ ds }}"]
    (request,) = bound(found).recipe.requests(next(bound(found).batches(None)), ["x"])
    assert b'"content":"{{ ds }} {{ ds }}"' in request.params
    assert b'"model":"{{ ds }}"' in request.params


def test_a_recipe_without_a_model_takes_that_of_the_connection():
    found = rendered(submit(ROWS, defaults={"max_tokens": 5}))
    (request,) = bound(found).recipe.requests(next(bound(found).batches(None)), ["x"])
    assert b'"model":"connection"' in request.params


def test_upstream_outputs_draw_dependencies():
    names = ("table", "params", "earlier")
    table, params, earlier = (
        SamCreateMessageOperator(task_id=name, prompt="x", model="sam-small", max_tokens=5) for name in names
    )
    create = SamCreateBatchOperator(
        task_id="create",
        rows=table.output,
        id_column="id",
        prompt="{text}",
        defaults=params.output,
        reuse=[earlier.output],
    )
    assert create.upstream_task_ids == set(names)


def test_each_mapped_task_has_rows_of_its_own():
    mapped = ObjectStorageToSamBatchOperator.partial(task_id="mapped", **RECIPE).expand(
        rows=["s3://b/{{ ds }}/a.csv", "s3://b/{{ ds }}/b.csv"]
    )
    found = mapped.unmap({"rows": "s3://b/{{ ds }}/b.csv"})
    assert rendered(found).rows == "s3://b/2026-01-02/b.csv"


def test_pages_show_where_rows_come_from_and_no_row():
    assert str(RowRequests("s3://b/{{ ds }}.csv", **RECIPE)) == "rows: s3://b/{{ ds }}.csv; id: id"
    assert str(RowRequests(ROWS, **RECIPE)) == "rows: list of 1; id: id"
    assert "secret" not in str(RowRequests(SqlRows("SELECT 1", "db", ["secret"]), id_column="id"))


def test_a_landing_takes_the_rows_of_the_task_whose_output_it_is_given():
    operator = submit(ROWS)
    assert [landing(given).rows for given in (operator.output, operator.rows, None)] == [operator.rows] * 2 + [None]


@pytest.mark.parametrize("kind", ["a list", "a task without rows"])
def test_a_landing_refuses_what_has_submitted_no_rows(kind):
    given = ROWS if kind == "a list" else SamCreateMessageOperator(task_id="ask", prompt="Hello").output
    with pytest.raises(SamRequestError, match="rows must be the attribute rows of the task that submits them"):
        landing(given)


def landing(rows):
    name = f"land_{type(rows).__name__}"
    return SamBatchToObjectStorageOperator(task_id=name, batch_id="msgbatch_1", path="s3://b/t.csv", rows=rows)

"""The reviews in a warehouse are classified every night, and the answers are loaded beside them."""

from contextlib import closing
from typing import Any, Literal

import pendulum
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, ObjectStoragePath, task

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.rows.sql import SqlRows
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator


@task
def load(manifest: dict[str, Any]) -> None:
    """Replace what the warehouse has by the table that has landed, in one transaction."""
    from pyarrow.parquet import ParquetFile

    columns = ["review_id", "answer", "outcome"]
    path = ObjectStoragePath(manifest["files"][0]["path"])
    connection = PostgresHook("warehouse").get_conn()
    with path.open("rb") as file, closing(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM classified")
        for rows in ParquetFile(file).iter_batches(columns=columns):
            values = [tuple(row[name] for name in columns) for row in rows.to_pylist()]
            cursor.executemany("INSERT INTO classified (review_id, answer, outcome) VALUES (%s, %s, %s)", values)
        connection.commit()


always = {"start_date": pendulum.datetime(2026, 1, 1, tz="UTC"), "catchup": False, "max_active_runs": 1}
with DAG("warehouse", schedule="@daily", params={"folder": "file:///tmp/reviews"}, **always):
    table = "{{ params.folder }}/classified.parquet"
    submit = SamCreateBatchOperator(
        task_id="submit",
        rows=SqlRows("SELECT review_id, review FROM reviews ORDER BY review_id", conn_id="warehouse"),
        id_column="review_id",
        prompt="Is this review positive or negative?\n\n{review}",
        output_type=Literal["positive", "negative", "neither"],
        defaults={"model": "sam-small", "max_tokens": 100},
        reuse=table,
    )
    land = SamBatchToObjectStorageOperator(task_id="land", batch_id=submit.output, path=table, rows=submit.rows)
    SamBatchSensor(task_id="wait", batch_id=submit.output, deferrable=True) >> land
    load(land.output)

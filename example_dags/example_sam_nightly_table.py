"""Classify a table every night, and send only the rows that are new or have changed."""

from typing import Literal

import pendulum
from airflow import DAG

from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

daily = {"start_date": pendulum.datetime(2026, 1, 1), "catchup": False, "is_paused_upon_creation": True}
with DAG("example_sam_nightly_table", schedule="@daily", max_active_runs=1, params={"folder": "file:///data"}, **daily):
    table = "{{ params.folder }}/classified.parquet"
    submit = ObjectStorageToSamBatchOperator(
        task_id="submit",
        rows="{{ params.folder }}/reviews.parquet",
        id_column="review_id",
        prompt="Is this review positive or negative?\n\n{review}",
        output_type=Literal["positive", "negative", "neither"],
        defaults={"model": "sam-small", "max_tokens": 100},
        reuse=table,
    )
    land = SamBatchToObjectStorageOperator(task_id="land", batch_id=submit.output, path=table, rows=submit.rows)
    SamBatchSensor(task_id="wait", batch_id=submit.output, deferrable=True) >> land

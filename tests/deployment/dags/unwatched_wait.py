"""A wait that may take three seconds, and that Airflow ends some seconds later where no triggerer does."""

from __future__ import annotations

import pendulum
from airflow import DAG

from airflow_provider_sam.sensors import deferring
from airflow_provider_sam.sensors.batch import SamBatchSensor

deferring.GUARD = 5.0  # seconds; some minutes would be a long test

with DAG(
    dag_id="unwatched_wait",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    params={"batch_id": ""},
):
    SamBatchSensor(
        task_id="wait",
        batch_id="{{ params.batch_id }}",
        deferrable=True,
        poke_interval=1,
        timeout=3,
        cancel_on_timeout=True,
    )

"""Waits for the batches that a run's conf names: one mapped task for each of `batch_ids`, killed ones among them."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow import DAG

from airflow_provider_sam.sensors.batch import SamBatchSensor

with DAG(
    dag_id="waits",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_tasks=1000,
    params={"batch_ids": []},
) as dag:

    @dag.task
    def batches(params: dict[str, Any]) -> list[str]:
        """Return the batches to wait for."""
        return list(params["batch_ids"])

    SamBatchSensor.partial(task_id="wait", poke_interval=2, timeout=3600, deferrable=True, cancel_on_kill=True).expand(
        batch_id=batches()
    )

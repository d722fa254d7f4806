"""Ten waits a run, for the batches that its conf names: begun in the triggerer, or on workers and with retries."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_sam.sensors.batch import SamBatchSensor

WAITS = 10
"""Airflow hands the triggerer the whole Dag with each wait that begins there: many runs cost less than many tasks."""

BEGUN: dict[str, dict[str, Any]] = {
    "started_waits": {"start_from_trigger": True, "cancel_on_kill": True},
    "retried_waits": {"retries": 10, "retry_delay": pendulum.duration(seconds=1)},
}

for dag_id, arguments in BEGUN.items():
    with DAG(
        dag_id=dag_id,
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=100,
        params={"batch_ids": Param([], type="array")},
    ):
        for number in range(WAITS):
            SamBatchSensor(
                task_id=f"wait_{number}",
                batch_id=f"{{{{ params.batch_ids[{number}] }}}}",
                deferrable=True,
                poke_interval=1,
                timeout=3600,
                **arguments,
            )

"""One batch, and a wait for it that begins in the triggerer; it may take as long as the run's conf says."""

from __future__ import annotations

import pendulum
from airflow import DAG

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor

LIMITS = {"started_wait": 3600, "started_wait_too_short": 3}

for dag_id, timeout in LIMITS.items():
    with DAG(dag_id=dag_id, schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False):
        create = SamCreateBatchOperator(
            task_id="create", requests=["Hello"], defaults={"model": "sam-small", "max_tokens": 5}
        )
        SamBatchSensor(
            task_id="wait",
            batch_id=create.output,
            deferrable=True,
            start_from_trigger=True,
            poke_interval=1,
            timeout=timeout,
            cancel_on_timeout=True,
        )

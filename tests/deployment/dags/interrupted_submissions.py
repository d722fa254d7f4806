"""Tasks that submit one batch each, to be interrupted while the server keeps its answer to itself."""

from __future__ import annotations

import pendulum
from airflow import DAG

from airflow_provider_sam.operators.batch import SamCreateBatchOperator

LIMITS = {"timed_out_submission": pendulum.duration(seconds=4), "killed_submission": None}

for dag_id, execution_timeout in LIMITS.items():
    with DAG(
        dag_id=dag_id,
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        default_args={"retries": 5, "retry_delay": pendulum.duration(seconds=0)},
    ):
        SamCreateBatchOperator(
            task_id="submit",
            requests=["Hello", "World"],
            defaults={"model": "sam-small", "max_tokens": 5},
            visibility_timeout=1,
            execution_timeout=execution_timeout,
        )

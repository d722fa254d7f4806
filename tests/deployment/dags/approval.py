"""Nothing is sent before somebody has seen how much it is, and approved."""

from __future__ import annotations

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from airflow_provider_sam.operators.batch import SamCreateBatchOperator

BATCH = {
    "requests": [f"In one word: is review {number} good or bad?" for number in range(3)],
    "defaults": {"model": "sam-small", "max_tokens": 10},
}

with DAG("approval", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None):
    estimate = SamCreateBatchOperator(task_id="estimate", dry_run=True, **BATCH)
    approve = ApprovalOperator(
        task_id="approve",
        subject="Submit {{ ti.xcom_pull('estimate')['requests'] }} requests?",
        body="About {{ ti.xcom_pull('estimate')['input_tokens'] }} input tokens, in "
        "{{ ti.xcom_pull('estimate')['batches'] }} batch.",
    )
    submit = SamCreateBatchOperator(task_id="submit", **BATCH)
    estimate >> approve >> submit

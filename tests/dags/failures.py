"""Tasks that fail: at once, or to be retried."""

from __future__ import annotations

from datetime import timedelta

import pendulum

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

MESSAGE = {"prompt": "Hello", "model": "sam-small"}
DEFAULTS = {
    "retries": 1,
    "retry_delay": timedelta(seconds=0),
    "on_failure_callback": lambda context: print("FAILED", context["ti"].task_id, flush=True),
    "on_retry_callback": lambda context: print("RETRIED", context["ti"].task_id, flush=True),
}

with DAG("failures", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None, default_args=DEFAULTS):
    SamCountTokensOperator(task_id="refused", **MESSAGE)
    SamCreateMessageOperator(task_id="limited", max_tokens=5, **MESSAGE)

    if TASKS_TAKE_RETRY_POLICIES:
        # The example begins here.
        from airflow.sdk import task

        from airflow_provider_sam.hooks.sam import SamHook
        from airflow_provider_sam.retry_policies import SamRetryPolicy

        @task(retries=5, retry_policy=SamRetryPolicy())
        def translate(text: str) -> str:
            """Ask for a translation, in a way that the API never takes: without max_tokens."""
            params = {"model": "sam-small", "messages": [{"role": "user", "content": f"In French: {text}"}]}
            with SamHook().client as client:
                return client.create_message(params).text

        translate("Good evening")
        # The example ends here.

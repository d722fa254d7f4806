"""Reviews are classified every night by `@task.llm_batch`, over the Sam API."""

from __future__ import annotations

from typing import Literal

from airflow.sdk import DAG, task

with DAG("reviews", schedule="@daily") as dag:

    @task.llm_batch(
        model_id="sam:sam-small",
        llm_conn_id="sam_default",
        result_path="s3://reviews/answers",
        output_type=Literal["good", "bad"],
        on_orphaned_intent="resubmit",
        deferrable=True,
        retries=3,
    )
    def classify() -> list[str]:
        """Return the prompts of one batch."""
        return ["Good or bad? It broke on the first day.", "Good or bad? I bought two more."]

    classify()

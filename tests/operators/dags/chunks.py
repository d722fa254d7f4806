"""Chunks of one size, submitted by mapped tasks and landed together."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

LAB: dict[str, Any] = json.loads(os.environ["CHUNKS_LAB"])
"""How many chunks and prompts there are, and the folder where the results go."""

FOLDER = Path(LAB["folder"])


class Submit(SamCreateBatchOperator):
    """Says which batch it has."""

    def execute(self, context: Any) -> str:
        """Submit, and leave a file that says so; also when the task is taken up again, which comes here too."""
        batch_id = super().execute(context)
        (FOLDER / f"chunk-{context['ti'].map_index}").write_text(batch_id, encoding="utf-8")
        return batch_id


with DAG("chunks", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None):
    submit = Submit.partial(
        task_id="submit", defaults={"model": "sam-small", "max_tokens": 5}, visibility_timeout=1.0
    ).expand(requests=[[f"Chunk {chunk}, prompt {n}" for n in range(LAB["prompts"])] for chunk in range(LAB["chunks"])])
    SamBatchToObjectStorageOperator(task_id="land", batch_id=submit.output, path=f"{FOLDER.as_uri()}/landed/")

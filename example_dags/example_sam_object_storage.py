"""Classify every installed Python package from a file of prompts, in as many batches as needed.

The first task writes JSONL with one prompt per line. The transfer adds the model, the token limit and the instructions
to each prompt, splits the file by the limits of the API, and submits it. Whatever happens to the task, each part is one
batch and is paid for once.
"""

from __future__ import annotations

import json
import logging
import re
from importlib.metadata import distributions
from typing import Any

import pendulum
from airflow import DAG

from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

try:
    from airflow.sdk import ObjectStoragePath
except ImportError:  # Airflow 2
    from airflow.io.path import ObjectStoragePath

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_sam_object_storage",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["sam", "example"],
    doc_md=__doc__,
    params={
        "folder": "file:///tmp/example_sam_object_storage",  # holds all files
        "adopt_batch_id": "",  # a batch to use instead of creating one
    },
) as dag:

    @dag.task
    def write_prompts(run_id: str, params: dict[str, Any]) -> str:
        """Write one prompt for each installed package, and return the folder of this run."""
        folder = f"{params['folder']}/{re.sub(r'[^A-Za-z0-9_.-]', '_', run_id)}"
        path = ObjectStoragePath(f"{folder}/prompts.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        prompts = sorted(f"{item.metadata['Name']}: {item.metadata.get('Summary', '')}" for item in distributions())
        with path.open("wb") as file:
            for prompt in prompts:
                file.write(json.dumps(prompt).encode() + b"\n")
        log.info("Wrote %d prompts to %s", len(prompts), folder)
        return folder

    folder = write_prompts()
    submit = ObjectStorageToSamBatchOperator(
        task_id="submit",
        path="{{ ti.xcom_pull(task_ids='write_prompts') }}/prompts.jsonl",
        defaults={
            "model": "sam-small",
            "max_tokens": 50,
            "system": "Name the field that a Python package serves (web, data, testing, ...), in one line.",
        },
        max_requests=10_000,
        state_path="{{ params.folder }}/state",
        adopt_batch_id="{{ params.adopt_batch_id }}",
        retries=3,
    )
    wait = SamBatchSensor(task_id="wait", batch_id=submit.output, poke_interval=2, timeout=24 * 3600, deferrable=True)
    land = SamBatchToObjectStorageOperator(
        task_id="land",
        batch_id=submit.output,
        path="{{ ti.xcom_pull(task_ids='write_prompts') }}/results/",
    )
    folder >> submit >> wait >> land

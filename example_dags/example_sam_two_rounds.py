"""Classify every installed Python package, resend what failed, and put all results into one file.

The first round lands in `round-1/`. The second round reads the same input and submits only the requests that expired,
were canceled, or errored for a reason that is not their own; if there are none, it is skipped. Either way,
`final.jsonl` holds one result for each request.
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

FOLDER = "{{ ti.xcom_pull(task_ids='write_prompts') }}"

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_sam_two_rounds",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["sam", "example"],
    doc_md=__doc__,
    params={"folder": "file:///tmp/example_sam_two_rounds"},
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

    requests = {
        "path": f"{FOLDER}/prompts.jsonl",
        "defaults": {
            "model": "sam-small",
            "max_tokens": 50,
            "system": "Name the field that a Python package serves (web, data, testing, ...), in one line.",
        },
        "state_path": "{{ params.folder }}/state",
        "retries": 3,
    }
    waiting = {"poke_interval": 2, "timeout": 24 * 3600, "deferrable": True}

    submit = ObjectStorageToSamBatchOperator(task_id="submit", **requests)
    wait = SamBatchSensor(task_id="wait", batch_id=submit.output, **waiting)
    land = SamBatchToObjectStorageOperator(task_id="land", batch_id=submit.output, path=f"{FOLDER}/round-1/")

    submit_again = ObjectStorageToSamBatchOperator(task_id="submit_again", only_failed_of=land.output, **requests)
    wait_again = SamBatchSensor(task_id="wait_again", batch_id=submit_again.output, **waiting)
    land_all = SamBatchToObjectStorageOperator(
        task_id="land_all",
        batch_id=submit_again.output,
        carry_over=land.output,
        path=f"{FOLDER}/final.jsonl",
        trigger_rule="none_failed_min_one_success",  # also when the second round is skipped
    )

    write_prompts() >> submit >> wait >> land
    submit_again >> wait_again >> land_all

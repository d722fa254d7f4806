"""Classify every installed Python package, resend what failed, and put all results into one file.

The second round reads the same input and submits only the requests that expired, were canceled, or errored for a reason
that is not their own; if there are none, it is skipped. Either way, `final.jsonl` holds one result for each request.
"""

from __future__ import annotations

import json
import logging
import re
from importlib.metadata import distributions
from typing import Any

import pendulum
from airflow import DAG

from airflow_provider_sam.task_groups.batch import sam_batch

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

    classify = sam_batch(
        "classify",
        input_path=f"{FOLDER}/prompts.jsonl",
        path=f"{FOLDER}/final.jsonl",
        defaults={
            "model": "sam-small",
            "max_tokens": 50,
            "system": "Name the field that a Python package serves (web, data, testing, ...), in one line.",
        },
        rounds=2,
        state_path="{{ params.folder }}/state",
        poke_interval=2,
        timeout=24 * 3600,
        deferrable=True,
        default_args={"retries": 3},
    )
    write_prompts() >> classify

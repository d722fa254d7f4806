"""Classify every installed Python package in one message batch.

The input is real and available on every machine: the name and summary of each installed package. The Dag writes it to
object storage as JSONL, submits it as one batch, waits for the batch without a worker, and lands the results beside the
input. The last task joins results and input by `custom_id` and logs a table.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from importlib.metadata import distributions
from itertools import islice
from typing import TYPE_CHECKING, Any

import pendulum
from airflow import DAG

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.results import iter_published, read_texts
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

try:
    from airflow.sdk import ObjectStoragePath
except ImportError:  # Airflow 2
    from airflow.io.path import ObjectStoragePath

if TYPE_CHECKING:
    from collections.abc import Iterator

QUESTION = "Name the field that this Python package serves (web, data, testing, ...), in one line."

log = logging.getLogger(__name__)


def read_requests(context: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the requests that the first task wrote; called when the batch is created."""
    yield from read_jsonl(context["ti"].xcom_pull(task_ids="write_requests"))


def read_jsonl(path: str) -> Iterator[dict[str, Any]]:
    """Read a JSONL file that is small enough to fit in memory."""
    return map(json.loads, ObjectStoragePath(path).read_bytes().splitlines())


with DAG(
    dag_id="example_sam_batch",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["sam", "example"],
    doc_md=__doc__,
    params={
        "model": "sam-small",
        "folder": "file:///tmp/example_sam_batch",  # holds all files
    },
) as dag:

    @dag.task
    def write_requests(run_id: str, params: dict[str, Any]) -> str:
        """Write one request for each installed package, and return the path."""
        metadata = [item.metadata for item in distributions()]
        packages = {item.get("Name", "?"): item.get("Summary") or "" for item in metadata}
        path = ObjectStoragePath(f"{params['folder']}/{re.sub(r'[^A-Za-z0-9_.-]', '_', run_id)}/requests.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for number, (name, summary) in enumerate(sorted(packages.items())):
                prompt = f"{QUESTION}\n\n{name}: {summary}"
                request = {
                    "custom_id": f"{number}-{re.sub(r'[^A-Za-z0-9_-]', '_', name)}"[:64],
                    "params": {
                        "model": params["model"],
                        "max_tokens": 50,
                        "messages": [{"role": "user", "content": prompt}],
                    },
                }
                file.write(json.dumps(request).encode() + b"\n")
        log.info("Wrote %d requests to %s", len(packages), path)
        return str(path)

    @dag.task
    def log_table(requests_path: str, manifest: dict[str, Any]) -> int:
        """Join results and requests by custom_id, log the first rows, and return the number of different answers."""
        asked = {request["custom_id"]: request for request in read_jsonl(requests_path)}
        answers = read_texts(manifest)
        for custom_id, answer in islice(answers.items(), 10):
            prompt = asked[custom_id]["params"]["messages"][0]["content"]
            log.info("%-70.70s | %s", prompt.splitlines()[-1], answer)
        log.info("The most frequent answers: %s", Counter(answers.values()).most_common(3))
        for result in iter_published(manifest):
            if result.custom_id not in answers:
                log.warning("%s has no answer: %s", result.custom_id, result.result.type)
        return len(set(answers.values()))

    requests = write_requests()
    create = SamCreateBatchOperator(task_id="create_batch", requests=read_requests)
    wait = SamBatchSensor(
        task_id="wait_for_batch", batch_id=create.output, poke_interval=2, timeout=24 * 3600, deferrable=True
    )
    land = SamBatchToObjectStorageOperator(
        task_id="land_results",
        batch_id=create.output,
        path="{{ ti.xcom_pull(task_ids='write_requests') | replace('requests.jsonl', 'results.jsonl') }}",
    )
    requests >> create >> wait >> land
    log_table(requests, land.output)

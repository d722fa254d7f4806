"""Tasks that submit, to be killed at any moment: each says where its process is before it begins."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pendulum
from airflow import DAG

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

LAB: dict[str, Any] = json.loads(os.environ["KILLED_SUBMISSIONS"])
"""Where processes are told, where submissions are remembered, and what is submitted."""

PARAMS = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


def tell_process(context: dict[str, Any]) -> None:
    """Leave a file that names this process."""
    ti = context["ti"]
    name = f"{ti.run_id}.{ti.task_id}.{ti.map_index}.{ti.try_number}.{os.getpid()}"
    (Path(LAB["processes"]) / name).touch()


def requests(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the requests of a mapped task; their number is its own."""
    number = context["ti"].map_index
    return [{"custom_id": f"create-{number}-{n}", "params": PARAMS} for n in range(LAB["sizes"][number])]


with DAG(
    dag_id="killed_submissions",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={
        "retries": 1000,
        "retry_delay": pendulum.duration(seconds=0),
        "on_execute_callback": tell_process,
        "visibility_timeout": LAB["visibility_timeout"],
    },
):
    SamCreateBatchOperator.partial(task_id="create", requests=requests).expand(state_path=LAB["state_paths"])
    ObjectStorageToSamBatchOperator.partial(task_id="submit").expand_kwargs(LAB["inputs"])

"""Classify a table every night, as typed columns beside its rows, and pay for no row twice.

The table is every Python package that is installed here. The first run sends all of them. A later run sends only
those with a new version, since the version is part of the prompt, and takes all other answers from the last table.
Trigger it with `{"upgraded": 3}` to see that: three packages get a new version.
"""

from __future__ import annotations

from importlib.metadata import distributions
from typing import Any, Literal

import pendulum
from airflow import DAG
from pydantic import BaseModel, Field

from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator


class Package(BaseModel):
    """What a package is for."""

    field: Literal["web", "data", "testing", "other"]
    confidence: float = Field(ge=0, le=1)


def packages(context: Any) -> list[dict[str, str]]:
    """Return the installed packages, some of them with a new version."""
    found = {item.metadata["Name"]: item for item in distributions()}
    upgraded = sorted(found)[: int(context["params"]["upgraded"])]
    return [
        {
            "name": name,
            "version": f"{item.version}+new" if name in upgraded else item.version,
            "summary": item.metadata.get("Summary", ""),
        }
        for name, item in sorted(found.items())
    ]


with DAG(
    dag_id="example_sam_table",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["sam", "example"],
    doc_md=__doc__,
    params={"folder": "file:///tmp/example_sam_table", "upgraded": 0},
) as dag:
    table = "{{ params.folder }}/packages.parquet"

    submit = ObjectStorageToSamBatchOperator(
        task_id="submit",
        rows=packages,
        id_column="name",
        prompt="What is the Python package {name} {version} for?\n\n{summary}",
        output_type=Package,
        defaults={"model": "sam-small", "max_tokens": 200},
        reuse=table,
        state_path="{{ params.folder }}/state",
    )
    wait = SamBatchSensor(task_id="wait", batch_id=submit.output, poke_interval=2, deferrable=True)
    land = SamBatchToObjectStorageOperator(
        task_id="land", batch_id=submit.output, path=table, rows=submit.rows, columns=["name", "version"]
    )
    wait >> land

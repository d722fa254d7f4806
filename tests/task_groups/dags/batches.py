"""Batches of all kinds in one Dag, so that one run of it shows them all."""

from __future__ import annotations

import json
from typing import Any, Literal

import pendulum
from airflow import DAG

from airflow_provider_sam.task_groups.batch import sam_batch

try:
    from airflow.sdk import ObjectStoragePath, task, task_group
except ImportError:  # Airflow 2
    from airflow.decorators import task, task_group
    from airflow.io.path import ObjectStoragePath

SMALL = {"model": "sam-small", "max_tokens": 20}
ROWS = [{"id": number, "review": f"Review {number}"} for number in range(4)]
TABLE = "{{ params.folder }}/table.parquet"


def requests(name: str) -> list[dict[str, Any]]:
    return [
        {"custom_id": f"{name}-{number}", "params": {"messages": [{"role": "user", "content": f"{name} {number}"}]}}
        for number in range(3)
    ]


with DAG(  # noqa: AIR311 - the one name that Airflow 2.11 and 3 have alike
    "batches",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    params={"folder": "file:///tmp/batches"},
    default_args={"trigger_rule": "none_failed"},  # no rule of the Dag's becomes one within a group
):
    common: dict[str, Any] = {"poke_interval": 0.2, "timeout": 300, "deferrable": True}

    @task
    def nothing() -> list[str]:
        return []

    @task
    def report(found: dict[str, Any], of_each: Any, params: Any = None) -> None:
        """Write down what comes out of the groups, as a task after them gets it."""
        path = ObjectStoragePath(f"{params['folder']}/report.json")
        path.write_text(json.dumps({**found, "each": list(of_each)}))

    three = sam_batch(
        "three",
        input_path="{{ params.folder }}/in.jsonl",
        path="{{ params.folder }}/three/out.jsonl",
        defaults=SMALL,
        rounds=3,
        round_overrides=[{"max_tokens": 30}, {"max_tokens": 40, "model": "sam-large"}],
        fail_on_partial_error=True,
        **common,
    )

    nights = [
        sam_batch(
            f"night_{number}",
            rows=ROWS,
            id_column="id",
            prompt="Good?\n{review}",
            output_type=Literal["good", "bad"],
            reuse=TABLE,
            path=TABLE,
            defaults=SMALL,
            rounds=3,
            round_overrides={"max_tokens": 99},
            fail_on_partial_error=True,
            **common,
        )
        for number in (1, 2)
    ]
    nights[0] >> nights[1]

    empty = sam_batch(
        "empty",
        requests=nothing(),
        defaults=SMALL,
        path="{{ params.folder }}/empty.jsonl",
        on_empty="skip",
        rounds=2,
        **common,
    )
    trial = sam_batch("trial", requests=requests("trial"), path="/never", defaults=SMALL, dry_run=True, rounds=2)

    @task_group
    def each(customer: str) -> Any:
        @task
        def of(customer: str) -> list[dict[str, Any]]:
            return requests(customer)

        @task
        def at(customer: str, params: Any = None) -> str:
            return f"{params['folder']}/{customer}.jsonl"

        return sam_batch(
            "batch", requests=of(customer), path=at(customer), defaults=SMALL, rounds=2, resubmit=False, **common
        )

    mapped = each.expand(customer=["ada", "bob"])

    of_groups = {"three": three.output, "night_1": nights[0].output, "night_2": nights[1].output}
    report({**of_groups, "trial": trial.output}, mapped.output)

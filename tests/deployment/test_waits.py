"""Deferred waits outlive the triggerer that holds them, and a killed one cancels its batch: on a real Airflow."""

from __future__ import annotations

import json
import sys

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from tests.deployment.processes import kill, running
from tests.deployment.stack import PARTS, wait_for

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(900),
]

WAITS = 200


def create(emulator, requests, number):
    with SamClient(ClientSettings(base_url=emulator.url, api_key=emulator.api_key)) as client:
        return [client.create_batch(requests[:1]).id for _ in range(number)]


def waits(airflow, run_id):
    """Give the run's waits, page by page: Airflow gives no more than 100 at once."""
    found, path = [], f"/dags/waits/dagRuns/{run_id}/taskInstances?limit=100&order_by=id"
    while more := airflow.call("GET", f"{path}&offset={len(found)}")["task_instances"]:
        found += more
    return [task for task in found if task["task_id"] == "wait"]


def in_state(airflow, run_id, state, number):
    return sum(task["state"] == state for task in waits(airflow, run_id)) == number


def triggers(airflow, run_id):
    """Give what the database holds of each deferred wait, its deadline included."""
    return {task["map_index"]: (task["trigger"]["id"], task["trigger"]["kwargs"]) for task in waits(airflow, run_id)}


def holders(airflow, run_id):
    return {(task["triggerer_job"] or {}).get("id") for task in waits(airflow, run_id)}


def test_a_killed_triggerer_ends_no_wait(airflow, emulator, requests, tmp_path):
    emulator.reset()
    ids = create(emulator, requests, WAITS)
    run_id = airflow.start_run("waits", {"batch_ids": ids})
    wait_for(lambda: in_state(airflow, run_id, "deferred", WAITS), within=600, what="all waits deferred")
    wait_for(lambda: None not in holders(airflow, run_id), within=60, what="a triggerer for all waits")
    before, (first,) = triggers(airflow, run_id), holders(airflow, run_id)
    with (
        (tmp_path / "triggerer.log").open("w") as log,
        running([sys.executable, "-m", "airflow", *PARTS["triggerer"]], env=airflow.env, output=log),
    ):
        kill(airflow.parts["triggerer"])
        wait_for(lambda: holders(airflow, run_id).isdisjoint({first, None}), within=120, what="another triggerer")
        assert triggers(airflow, run_id) == before
        for batch_id in ids:
            emulator.end_batch(batch_id)
        wait_for(lambda: in_state(airflow, run_id, "success", WAITS), within=600, what="all waits ended")
        assert {task["try_number"] for task in waits(airflow, run_id)} == {1}
        assert emulator.count("messages_batches_cancel") == 0
        a_killed_wait_cancels_its_batch(airflow, emulator, requests)


def a_killed_wait_cancels_its_batch(airflow, emulator, requests):
    """Mark one deferred wait failed and clear another, as a person does."""
    ids = create(emulator, requests, 3)
    run_id = airflow.start_run("waits", {"batch_ids": ids})
    wait_for(lambda: in_state(airflow, run_id, "deferred", 3), within=120, what="the waits deferred")
    wait_for(lambda: None not in holders(airflow, run_id), within=60, what="a triggerer for them")
    failed, cleared, going_on = ids
    airflow.call("PATCH", f"/dags/waits/dagRuns/{run_id}/taskInstances/wait/0", {"new_state": "failed"})
    clear = {"dag_run_id": run_id, "task_ids": [["wait", 1]], "dry_run": False, "only_failed": False}
    airflow.call("POST", "/dags/waits/clearTaskInstances", clear)
    status = {batch.id: batch for batch in emulator.batches}

    def canceled():
        status.update({batch.id: batch for batch in emulator.batches})
        return all(status[each].cancel_initiated_at for each in (failed, cleared))

    wait_for(canceled, within=60, what="both batches canceled")
    assert status[going_on].cancel_initiated_at is None
    assert json.dumps(emulator.api_key) not in (airflow.home / "triggerer.log").read_text()

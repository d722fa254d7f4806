"""What tests of waits ask of a real Airflow: how they stand, and which triggerer holds them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from tests.deployment.stack import wait_for


def create(emulator, requests, number):
    with SamClient(ClientSettings(base_url=emulator.url, api_key=emulator.api_key)) as client:
        return [client.create_batch(requests[:1]).id for _ in range(number)]


def waits(airflow, run_id, dag_id="waits"):
    """Return the run's waits, page by page: Airflow gives no more than 100 at once."""
    found, path = [], f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100&order_by=id"
    while more := airflow.call("GET", f"{path}&offset={len(found)}")["task_instances"]:
        found += more
    return [task for task in found if task["task_id"] == "wait"]


def in_state(airflow, run_id, state, number):
    return sum(task["state"] == state for task in waits(airflow, run_id)) == number


def holders(airflow, run_id):
    return {(task["triggerer_job"] or {}).get("id") for task in waits(airflow, run_id)}


def deferred_run(airflow, ids, within=600):
    """Start a run that waits for these batches, and give its id when a triggerer holds all waits."""
    run_id = airflow.start_run("waits", {"batch_ids": ids})
    wait_for(lambda: in_state(airflow, run_id, "deferred", len(ids)), within=within, what="all waits deferred")
    wait_for(lambda: None not in holders(airflow, run_id), within=60, what="a triggerer for all waits")
    return run_id


def start_many(airflow, dag_id, ids):
    """Start as many runs as wait for these batches, ten each; give the batch of each wait by its run and task.

    All are there before the first begins: with a busy scheduler, SQLite does not let the API server write each time.
    """
    airflow.pause(dag_id)
    begun = {}
    for first in range(0, len(ids), 10):
        run_id = airflow.start_run(dag_id, {"batch_ids": ids[first : first + 10]})
        begun |= {(run_id, f"wait_{number}"): batch_id for number, batch_id in enumerate(ids[first : first + 10])}
    airflow.unpause(dag_id)
    return begun


def many_in_state(airflow, dag_id, state):
    """Return run, task and number of tries of all task instances of a Dag that are in a state."""
    query = "select run_id, task_id, try_number from task_instance where dag_id = ? and state = ?"
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as database:
        return database.execute(query, (dag_id, state)).fetchall()


def mark(airflow, run_id, map_index, state):
    """Mark a deferred wait, as a person does."""
    airflow.call("PATCH", f"/dags/waits/dagRuns/{run_id}/taskInstances/wait/{map_index}", {"new_state": state})


def clear(airflow, run_id, map_index):
    """Clear a deferred wait, as a person does."""
    asked = {"dag_run_id": run_id, "task_ids": [["wait", map_index]], "dry_run": False, "only_failed": False}
    airflow.call("POST", "/dags/waits/clearTaskInstances", asked)


def canceled(emulator, ids):
    """Return those of the batches that were asked to cancel."""
    return {batch.id for batch in emulator.batches if batch.id in ids and batch.cancel_initiated_at}


def logs_with(airflow, dag_id, run_id, *texts):
    """Return the logs of a run's waits in which one of the texts stands."""
    logs = airflow.home.glob(f"logs/dag_id={dag_id}/run_id={run_id}/task_id=wait/**/*.log*")
    return [log for log in logs if any(text in log.read_text(errors="replace") for text in texts)]

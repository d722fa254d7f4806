"""A submission that Airflow ends while the answer is on its way is found by the next try: on a real Airflow."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator import Fault, Stall
from tests.deployment.stack import wait_for

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(600),
]

CREATE = "messages_batches_create"


@pytest.fixture
def hanging(emulator):
    """An emulator that takes the first batch, and does not answer before anybody loses patience."""
    emulator.reset()
    emulator.faults.add(Fault(Stall(after_bytes=5, seconds=120), operation=CREATE))
    yield emulator
    emulator.reset()


def let_it_end(emulator):
    """End the batch: its custom_ids, which tell whose it is, can be read only then."""
    wait_for(lambda: emulator.batches, within=120, what="the batch")
    emulator.end_batch(emulator.batches[0].id)


def ended_well(airflow, dag_id, run_id):
    return wait_for(lambda: airflow.run_state(dag_id, run_id) == "success", within=300, what=f"the end of {dag_id}")


def returned(airflow, dag_id, run_id):
    return airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/submit/xcomEntries/return_value")[
        "value"
    ]


def log_of(airflow, dag_id, run_id, attempt):
    (path,) = airflow.home.glob(f"logs/dag_id={dag_id}/run_id={run_id}/task_id=submit/attempt={attempt}.log")
    return path.read_text(encoding="utf-8")


def test_a_task_that_times_out_says_what_it_leaves_and_its_retry_returns_that(airflow, hanging):
    run_id = airflow.start_run("timed_out_submission", {})
    let_it_end(hanging)
    ended_well(airflow, "timed_out_submission", run_id)
    (batch,) = hanging.batches
    assert returned(airflow, "timed_out_submission", run_id) == batch.id
    assert f"New batches of that size: {batch.id}." in log_of(airflow, "timed_out_submission", run_id, 1)


def test_a_task_that_is_marked_failed_and_cleared_returns_the_batch_it_had_created(airflow, hanging):
    run_id = airflow.start_run("killed_submission", {})
    let_it_end(hanging)
    task = f"/dags/killed_submission/dagRuns/{run_id}/taskInstances/submit"
    airflow.call("PATCH", task, {"new_state": "failed"})
    clear = {"dag_run_id": run_id, "dry_run": False, "only_failed": False}
    airflow.call("POST", "/dags/killed_submission/clearTaskInstances", clear)
    ended_well(airflow, "killed_submission", run_id)
    (batch,) = hanging.batches
    assert returned(airflow, "killed_submission", run_id) == batch.id

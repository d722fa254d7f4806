"""A wait that begins in the triggerer takes no worker until its batch has ended: on a real Airflow."""

from __future__ import annotations

import pytest

from tests.deployment.stack import wait_for

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def runs(airflow, emulator):
    """A run of each Dag, begun together: how long they take is mostly Airflow's own time."""
    emulator.reset()
    return {dag_id: airflow.start_run(dag_id, {}) for dag_id in ("started_wait", "started_wait_too_short")}


def wait_until(airflow, runs, dag_id, state):
    wait_for(
        lambda: airflow.tasks(dag_id, runs[dag_id])["wait"]["state"] == state, within=300, what=f"{dag_id} in {state}"
    )


def returned(airflow, runs, dag_id, task_id):
    task = f"/dags/{dag_id}/dagRuns/{runs[dag_id]}/taskInstances/{task_id}"
    return airflow.call("GET", f"{task}/xcomEntries/return_value")["value"]


def workers_logs(airflow, dag_id):
    """The logs that a worker has written of the wait; a triggerer's have other names."""
    return list(airflow.home.glob(f"logs/dag_id={dag_id}/*/task_id=wait/attempt=1.log"))


def looks(emulator):
    return emulator.count("messages_batches_retrieve") + emulator.count("messages_batches_list")


def test_no_worker_sees_the_wait_before_its_batch_has_ended(airflow, emulator, runs):
    wait_until(airflow, runs, "started_wait", "deferred")
    batch_id = returned(airflow, runs, "started_wait", "create")
    # The other run's wait is over by then, and what looks at the batches after it is this one's.
    wait_until(airflow, runs, "started_wait_too_short", "failed")
    before = looks(emulator)
    wait_for(lambda: looks(emulator) > before, within=120, what="a look at the batch")
    assert workers_logs(airflow, "started_wait") == []
    emulator.end_batch(batch_id)
    wait_until(airflow, runs, "started_wait", "success")
    (result,) = returned(airflow, runs, "started_wait", "wait")
    assert (result["id"], result["succeeded"]) == (batch_id, 1)
    assert len(workers_logs(airflow, "started_wait")) == 1


def test_a_wait_that_airflow_ends_in_time_cancels_its_batch_where_asked(airflow, emulator, runs):
    wait_until(airflow, runs, "started_wait_too_short", "failed")
    given_up = returned(airflow, runs, "started_wait_too_short", "create")
    canceled = {batch.id for batch in emulator.batches if batch.cancel_initiated_at}
    assert canceled == {given_up}

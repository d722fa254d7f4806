"""A batch that a person approves is submitted, and one that is rejected is not: on a real Airflow, by its own API."""

from __future__ import annotations

import pytest

from tests.deployment.stack import wait_for

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(600)]


def answer(airflow, run_id, option):
    """Answer as the UI does, and give what was asked."""
    task = f"/dags/approval/dagRuns/{run_id}/taskInstances/approve"
    wait_for(
        lambda: airflow.tasks("approval", run_id)["approve"]["state"] in {"awaiting_input", "deferred"},
        within=300,
        what="the question",
    )
    # Airflow takes the end of the worker that asked for a failure of the task if the answer is quicker.
    ended = (
        f"with state success for task instance TaskInstanceKey(dag_id='approval', task_id='approve', run_id='{run_id}'"
    )
    wait_for(lambda: ended in (airflow.home / "scheduler.log").read_text(), within=300, what="the worker's end")
    asked = airflow.call("GET", f"{task}/-1/hitlDetails")
    airflow.call("PATCH", f"{task}/-1/hitlDetails", {"chosen_options": [option], "params_input": {}})
    return asked["subject"], asked["body"]


def test_a_batch_is_submitted_only_when_somebody_has_approved_the_estimate(airflow, emulator):
    emulator.reset()
    approved, rejected = (airflow.start_run("approval", {}) for _ in range(2))
    for run_id, option in ((rejected, "Reject"), (approved, "Approve")):
        subject, body = answer(airflow, run_id, option)
        assert subject == "Submit 3 requests?"
        assert body.startswith("About ")
        assert body.endswith(" input tokens, in 1 batch.")
        wait_for(lambda run=run_id: airflow.run_state("approval", run) == "success", within=300, what="the run's end")
    states = [airflow.tasks("approval", run_id)["submit"]["state"] for run_id in (approved, rejected)]
    assert states == ["success", "skipped"]
    (batch,) = emulator.batches
    assert batch.requests == 3

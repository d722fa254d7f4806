"""A wait ends though no triggerer lives, or the only one stands still: on a real Airflow."""

from __future__ import annotations

import pytest

from tests.deployment.processes import kill
from tests.deployment.stack import wait_for
from tests.deployment.triggerers import another_triggerer, stalled
from tests.deployment.waiting import canceled, create, logs_with

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(600),
]

DAG_ID = "unwatched_wait"


def triggerer_is_missed(airflow):
    """Return whether Airflow has noticed that no heartbeat of a triggerer comes any more."""
    return airflow.call("GET", "/monitor/health")["triggerer"]["status"] != "healthy"


def a_wait_ends_by_airflow(airflow, emulator, requests):
    wait_for(lambda: triggerer_is_missed(airflow), within=120, what="a triggerer that counts as unhealthy")
    (batch_id,) = create(emulator, requests, 1)
    run_id = airflow.start_run(DAG_ID, {"batch_id": batch_id})
    wait_for(lambda: airflow.run_state(DAG_ID, run_id) == "failed", within=240, what="the end of the run")
    (log,) = logs_with(airflow, DAG_ID, run_id, "no triggerer ended the wait")
    said = log.read_text(errors="replace")
    deferral, end = said.split("no triggerer ended the wait", maxsplit=1)
    assert "No triggerer is running" in deferral, "it is said before the task defers"
    assert "No triggerer is running" in end
    assert canceled(emulator, [batch_id]) == {batch_id}
    assert airflow.tasks(DAG_ID, run_id)["wait"]["try_number"] == 1


def test_a_wait_ends_without_a_triggerer_and_with_one_that_stands_still(airflow, emulator, requests, tmp_path):
    emulator.reset()
    kill(airflow.parts["triggerer"])
    a_wait_ends_by_airflow(airflow, emulator, requests)
    with another_triggerer(airflow, tmp_path) as triggerer:
        began = tmp_path / "triggerer.log"
        wait_for(lambda: "Starting the triggerer" in began.read_text(), within=120, what="the other triggerer")
        with stalled(airflow, triggerer):
            a_wait_ends_by_airflow(airflow, emulator, requests)

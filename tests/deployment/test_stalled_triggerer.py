"""A triggerer that stalls, loses its waits and comes back cancels nothing; a person still does: on a real Airflow."""

from __future__ import annotations

import pytest

from tests.deployment.stack import wait_for
from tests.deployment.triggerers import another_triggerer, stalled
from tests.deployment.waiting import canceled, clear, create, deferred_run, holders, logs_with, mark, waits

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(900),
]


WORDS = ("Not canceling", "Asked to cancel", "without on_kill")
"""What is said of a wait that was lost: by us, for good or for bad, or from Airflow 3.4 on by Airflow itself."""


def test_a_triggerer_that_comes_back_cancels_nothing_and_a_person_cancels(airflow, emulator, requests, tmp_path):
    emulator.reset()
    ids = create(emulator, requests, 3)
    run_id = deferred_run(airflow, ids)
    before = holders(airflow, run_id)
    with another_triggerer(airflow, tmp_path):
        with stalled(airflow, airflow.parts["triggerer"]):
            wait_for(lambda: holders(airflow, run_id).isdisjoint({*before, None}), within=300, what="the other one")
        wait_for(
            lambda: len(logs_with(airflow, "waits", run_id, *WORDS)) == 3,
            within=300,
            what="a word of the triggerer that came back",
        )
        assert emulator.count("messages_batches_cancel") == 0
        assert {task["state"] for task in waits(airflow, run_id)} == {"deferred"}
        mark(airflow, run_id, 0, "failed")
        mark(airflow, run_id, 1, "success")
        clear(airflow, run_id, 2)
        wait_for(lambda: canceled(emulator, ids) == set(ids), within=300, what="all batches canceled")

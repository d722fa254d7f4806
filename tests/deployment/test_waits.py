"""Deferred waits outlive late news of their workers and the loss of their triggerer: on a real Airflow."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.deployment.processes import kill
from tests.deployment.stack import wait_for
from tests.deployment.triggerers import another_triggerer
from tests.deployment.waiting import (
    canceled,
    clear,
    create,
    deferred_run,
    holders,
    in_state,
    many_in_state,
    mark,
    start_many,
    waits,
)

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(900),
]

WAITS = 30

MANY_WAITS = 300

RETRIED = "retried_waits"


def triggers(airflow, run_id):
    """Return what the database holds of each deferred wait, its deadline included."""
    return {task["map_index"]: (task["trigger"]["id"], task["trigger"]["kwargs"]) for task in waits(airflow, run_id)}


def test_waits_that_end_right_after_their_deferral_all_succeed_and_a_retry_costs_nothing(airflow, emulator, requests):
    """Airflow may take the late end of the worker that deferred for the end of the resumed task, and fail it."""
    emulator.reset()
    ids = create(emulator, requests, MANY_WAITS)
    going_on = start_many(airflow, RETRIED, ids)

    def all_have_ended():
        for run_id, task_id, _ in many_in_state(airflow, RETRIED, "deferred"):
            if batch_id := going_on.pop((run_id, task_id), None):
                emulator.end_batch(batch_id)
        return len(many_in_state(airflow, RETRIED, "success")) == MANY_WAITS

    wait_for(all_have_ended, within=800, what="all waits ended")
    assert not going_on, "each was deferred before its batch ended"
    tries = Counter(tries for _, _, tries in many_in_state(airflow, RETRIED, "success"))
    assert tries[1] > MANY_WAITS / 2, f"most need one try, the others a retry or two: {tries}"
    assert emulator.count("messages_batches_create") == MANY_WAITS
    assert emulator.count("messages_batches_cancel") == 0


def test_a_killed_triggerer_ends_no_wait(airflow, emulator, requests, tmp_path):
    emulator.reset()
    ids = create(emulator, requests, WAITS)
    run_id = deferred_run(airflow, ids)
    before, (first,) = triggers(airflow, run_id), holders(airflow, run_id)
    with another_triggerer(airflow, tmp_path):
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
    run_id = deferred_run(airflow, ids)
    failed, cleared, _ = ids
    mark(airflow, run_id, 0, "failed")
    clear(airflow, run_id, 1)
    wait_for(
        lambda: canceled(emulator, ids) == {failed, cleared}, within=60, what="both batches canceled, and no other"
    )
    assert json.dumps(emulator.api_key) not in (airflow.home / "triggerer.log").read_text()

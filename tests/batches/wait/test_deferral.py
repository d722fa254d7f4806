"""Whether a wait that was called killed is given up: each case as a row."""

from __future__ import annotations

import pytest

from airflow_provider_sam.batches.wait.deferral import Deferral, state_in, why_not_cancel

FIRST = Deferral(try_number=1, max_tries=2)
FAILED = Deferral(try_number=1, max_tries=2, failed=True)
RETRIED = Deferral(try_number=2, max_tries=2)
CLEARED = Deferral(try_number=2, max_tries=3)
UNKNOWN = Deferral(try_number=2)


@pytest.mark.parametrize(
    ("state", "own", "latest", "now", "why_not"),
    [
        ("failed", FIRST, FIRST, 0, ""),
        ("success", FIRST, FIRST, 0, ""),
        (None, FIRST, FIRST, 0, ""),
        ("scheduled", FIRST, FIRST, 0, ""),
        ("running", FIRST, None, 0, ""),
        ("failed", None, None, 0, ""),
        ("deferred", FIRST, CLEARED, 0, ""),
        ("deferred", FIRST, UNKNOWN, 0, ""),
        ("deferred", FIRST, FIRST, 0, "still deferred"),
        ("deferred", FIRST, None, 0, "still deferred"),
        ("deferred", None, None, 0, "still deferred"),
        ("deferred", None, CLEARED, 0, "still deferred"),
        ("deferred", CLEARED, FIRST, 0, "still deferred"),
        ("deferred", FIRST, RETRIED, 0, "retry"),
        ("success", FIRST, RETRIED, 0, "retry"),
        ("failed", FIRST, FAILED, 0, "already failed"),
        ("failed", FIRST, FIRST, 100, "timed out"),
        ("deferred", FIRST, CLEARED, 101, "timed out"),
    ],
)
def test_batches_are_canceled_only_where_somebody_ended_this_very_wait(state, own, latest, now, why_not):
    reason = why_not_cancel(state, own=own, latest=latest, now=now, deadline=100)
    assert (why_not in reason) if why_not else reason == ""


@pytest.mark.parametrize("deferral", [FIRST, FAILED, UNKNOWN])
def test_a_deferral_is_read_as_it_was_left(deferral):
    assert Deferral.load(deferral.dump()) == deferral


@pytest.mark.parametrize("stored", [None, "", "s3://elsewhere", {}, [1], {"try_number": "1"}])
def test_what_is_no_deferral_is_none(stored):
    assert Deferral.load(stored) is None


@pytest.mark.parametrize(
    ("map_index", "state"),
    [(-1, "deferred"), (3, "failed"), (4, None), (5, None)],
    ids=["", "mapped", "cleared", "gone"],
)
def test_a_task_is_found_in_the_answer_by_its_map_index(map_index, state):
    states = {"run": {"wait": "deferred", "wait_3": "failed", "wait_4": None}, "other": {"wait_5": "failed"}}
    assert state_in(states, run_id="run", task_id="wait", map_index=map_index) == state

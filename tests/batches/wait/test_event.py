"""Events cross the triggerer unchanged or as an error, and an end is judged as the task was told."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.batches.summary import BatchSummary, describe
from airflow_provider_sam.batches.wait.event import BatchEvent, CompletionPolicy


def summary(**fields):
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    return BatchSummary(**({"id": "msgbatch_1", "processing_status": "ended"} | counts | fields))


@pytest.mark.parametrize("outcome", ["ended", "timeout", "error"])
def test_an_event_survives_the_way_through_json(outcome):
    event = BatchEvent(outcome=outcome, batches=(summary(succeeded=3, cancel_initiated=True),), message="why")
    assert BatchEvent.load(json.loads(json.dumps(event.dump()))) == event


def test_a_newer_field_of_a_batch_in_an_event_is_passed_over():
    payload = BatchEvent(outcome="ended", batches=(summary(),)).dump()
    payload["batches"][0]["shade"] = "blue"
    assert BatchEvent.load(payload).batches == (summary(),)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (None, "no event"),
        ({}, "no event"),
        ("success", "unknown event: str"),
        (["ended"], "unknown event: list"),
        (True, "unknown event: bool"),
        ({1: 2, "a": 3}, "unknown event"),
        ({"version": 1, "outcome": ["ended"], "batches": []}, "unknown event"),
        ({"version": 1, "outcome": "ended", "batches": 5}, "incomplete"),
        ({"status": "success"}, "unknown event"),
        ({"version": 1, "outcome": "fine", "batches": []}, "unknown event"),
        ({"version": 2, "outcome": "ended", "batches": []}, "unknown event"),
        ({"version": 1, "outcome": "ended"}, "incomplete"),
        ({"version": 1, "outcome": "ended", "batches": [{"id": "msgbatch_1"}]}, "incomplete"),
        ({"version": 1, "outcome": "ended", "batches": ["msgbatch_1"]}, "incomplete"),
    ],
)
def test_an_event_that_cannot_be_read_is_never_a_success(payload, said):
    with pytest.raises(ValueError, match=said):
        BatchEvent.load(payload)


@pytest.mark.parametrize(
    ("on_canceled", "batches", "verdict"),
    [
        ("fail", [summary(succeeded=5)], "succeed"),
        ("fail", [summary(errored=5)], "succeed"),
        ("fail", [summary(expired=5)], "succeed"),
        ("fail", [summary(canceled=5, cancel_initiated=True)], "fail"),
        ("fail", [summary(canceled=4, succeeded=1, cancel_initiated=True)], "succeed"),
        ("fail", [summary(succeeded=5), summary(id="msgbatch_2", canceled=1, cancel_initiated=True)], "fail"),
        ("skip", [summary(canceled=5, cancel_initiated=True)], "skip"),
        ("succeed", [summary(canceled=5, cancel_initiated=True)], "succeed"),
    ],
)
def test_a_batch_canceled_before_anything_ran_means_what_the_task_was_told(on_canceled, batches, verdict):
    decided, reason = CompletionPolicy(on_canceled=on_canceled).judge(batches)
    assert decided == verdict
    assert all(batch.id in reason for batch in batches if batch.fully_canceled and verdict != "succeed")


@pytest.mark.parametrize(
    ("batches", "line"),
    [
        ([summary(processing_status="in_progress", processing=7)], "msgbatch_1 in_progress, 7 requests processing"),
        ([summary(succeeded=2, errored=1)], "msgbatch_1 ended: 2 succeeded, 1 errored"),
        (
            [summary(), summary(processing_status="canceling", processing=4), summary()],
            "2 of 3 batches ended, 4 requests processing",
        ),
    ],
)
def test_the_state_is_said_in_one_line(batches, line):
    assert describe(batches) == line

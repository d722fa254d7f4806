"""To attach, to create, to look again or to give up follows from what is remembered and listed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_sam.api.models import MessageBatch
from airflow_provider_sam.batches.submission import (
    Attach,
    Candidate,
    Create,
    GiveUp,
    LookAgain,
    judge_remembered,
    judge_window,
    pause,
)

OURS = Candidate("ours", 5)
CONFIRMED = Candidate("ours", 5, is_ours=True)
FOREIGN = Candidate("foreign", 5, is_ours=False)
UNKNOWN = Candidate("unknown", 5)
TAKEN = Candidate("taken", 5, taken=True)
SMALLER = Candidate("smaller", 4)
EARLY, LATE = 10.0, 60.0


@pytest.mark.parametrize(
    ("candidates", "waited", "verdict"),
    [
        ([], EARLY, LookAgain),
        ([], LATE, Create),
        ([OURS], EARLY, LookAgain),
        ([OURS], LATE, Attach),
        ([CONFIRMED], EARLY, Attach),
        ([CONFIRMED, FOREIGN, TAKEN, SMALLER], EARLY, Attach),
        ([CONFIRMED, UNKNOWN], EARLY, LookAgain),
        ([CONFIRMED, UNKNOWN], LATE, GiveUp),
        ([OURS, UNKNOWN], LATE, GiveUp),
        ([OURS, FOREIGN], LATE, Attach),
        ([OURS, TAKEN], LATE, Attach),
        ([OURS, SMALLER], LATE, Attach),
        ([FOREIGN, TAKEN, SMALLER], EARLY, LookAgain),
        ([FOREIGN, TAKEN, SMALLER], LATE, Create),
    ],
)
def test_a_create_without_an_answer_is_looked_for(candidates, waited, verdict):
    decided = judge_window(candidates, 5, looks=3, waited=waited, patience=60)
    assert isinstance(decided, verdict)
    if isinstance(decided, Attach):
        assert decided.batch_id == "ours"


def test_giving_up_names_all_that_it_may_be_and_what_to_do():
    decided = judge_window([UNKNOWN, OURS, FOREIGN, TAKEN], 5, looks=3, waited=60, patience=60)
    assert decided.reason.startswith("ours and unknown are each a batch of 5 requests that may be this task's")
    assert "adopt_batch_id" in decided.reason


def batch(**fields):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    counts = {"processing": 5, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    known = {"id": "known", "type": "message_batch", "processing_status": "in_progress", "request_counts": counts}
    return MessageBatch.model_validate({**known, "created_at": now, "expires_at": now, **fields})


@pytest.mark.parametrize(
    ("found", "waited", "verdict"),
    [
        (batch(), 0.0, Attach("known")),
        (batch(processing_status="ended"), 0.0, Attach("known")),
        (batch(cancel_initiated_at="2026-01-01T00:00:00Z"), 0.0, Create),
        (batch(archived_at="2026-01-30T00:00:00Z"), 0.0, Create),
        (None, EARLY, LookAgain),
        (None, LATE, GiveUp),
    ],
)
def test_a_remembered_batch_is_attached_to_unless_its_results_will_not_come(found, waited, verdict):
    decided = judge_remembered(found, "known", looks=3, waited=waited, patience=60)
    assert decided == verdict if isinstance(verdict, Attach) else isinstance(decided, verdict)


@pytest.mark.parametrize("patience", [0.5, 3, 60, 305.7, 0.1 + 0.2])
def test_the_pauses_grow_and_end_exactly_when_patience_does(patience):
    waited, pauses = 0.0, []
    while waited < patience:
        pauses.append(pause(len(pauses) + 1, patience - waited))
        waited += pauses[-1]
    assert waited == pytest.approx(patience)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) <= 15

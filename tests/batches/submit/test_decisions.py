"""To attach, to create, to look again or to give up follows from what is remembered and listed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_sam.api.models import MessageBatch
from airflow_provider_sam.batches.submit.decisions import (
    Attach,
    AwaitProof,
    Candidate,
    Create,
    GiveUp,
    LookAgain,
    ends_by,
    judge_remembered,
    judge_window,
    pause,
)

NOW = 1000.0
RUNNING = Candidate("running", 5, until=NOW + 1)
OLDER = Candidate("older", 5, until=NOW + 1)
OVERDUE = Candidate("overdue", 5, until=NOW)
OURS = Candidate("ours", 5, is_ours=True, ended=True)
REPEAT = Candidate("repeat", 5, is_ours=True, ended=True)
FOREIGN = Candidate("foreign", 5, is_ours=False, ended=True)
UNREADABLE = Candidate("unreadable", 5, ended=True)
TAKEN = Candidate("taken", 5, taken=True)
SMALLER = Candidate("smaller", 4, until=NOW + 1)
EARLY, LATE = 10.0, 60.0


@pytest.mark.parametrize(
    ("candidates", "early", "late"),
    [
        ([], LookAgain, Create),
        ([FOREIGN, TAKEN, SMALLER], LookAgain, Create),
        ([OURS], Attach("ours"), Attach("ours")),
        ([OURS, FOREIGN, TAKEN, SMALLER, RUNNING, OVERDUE, UNREADABLE], Attach("ours"), Attach("ours")),
        ([OURS, REPEAT], Attach("ours", ("repeat",)), Attach("ours", ("repeat",))),
        ([RUNNING], AwaitProof((RUNNING,)), AwaitProof((RUNNING,))),
        ([OLDER, FOREIGN, RUNNING], AwaitProof((OLDER, RUNNING)), AwaitProof((OLDER, RUNNING))),
        ([RUNNING, UNREADABLE], AwaitProof((RUNNING,)), AwaitProof((RUNNING,))),
        ([UNREADABLE], LookAgain, GiveUp),
        ([OVERDUE], GiveUp, GiveUp),
        ([OVERDUE, RUNNING], GiveUp, GiveUp),
    ],
)
def test_a_create_without_an_answer_is_looked_for_and_attached_to_on_proof_alone(candidates, early, late):
    for waited, verdict in ((EARLY, early), (LATE, late)):
        decided = judge_window(candidates, 5, looks=3, waited=waited, visibility_timeout=60, now=NOW)
        assert isinstance(decided, verdict) if isinstance(verdict, type) else decided == verdict


@pytest.mark.parametrize(
    ("candidate", "why"), [(OVERDUE, "has not ended in time"), (UNREADABLE, "has ended, and its results cannot be")]
)
def test_giving_up_names_all_that_it_may_be_and_what_to_do(candidate, why):
    decided = judge_window([candidate, FOREIGN, TAKEN], 5, looks=3, waited=60, visibility_timeout=60, now=NOW)
    assert decided.reason.startswith(f"{candidate.id}: a batch of 5 requests that may be this task's {why}")
    assert "adopt_batch_id" in decided.reason


@pytest.mark.parametrize(("prove_within", "seconds"), [(None, 90_000), (60, 60)])
def test_a_batch_has_its_own_expiry_and_an_hour_to_end_unless_told_otherwise(prove_within, seconds):
    created = datetime(2026, 1, 1, tzinfo=UTC)
    found = batch(created_at=created, expires_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert ends_by(found, prove_within) == created.timestamp() + seconds


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
    decided = judge_remembered(found, "known", looks=3, waited=waited, visibility_timeout=60)
    assert decided == verdict if isinstance(verdict, Attach) else isinstance(decided, verdict)


@pytest.mark.parametrize("visibility_timeout", [0.5, 3, 60, 305.7, 0.1 + 0.2])
def test_the_pauses_grow_and_end_exactly_when_patience_does(visibility_timeout):
    waited, pauses = 0.0, []
    while waited < visibility_timeout:
        pauses.append(pause(len(pauses) + 1, visibility_timeout - waited))
        waited += pauses[-1]
    assert waited == pytest.approx(visibility_timeout)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) <= 15

"""Whatever breaks, the batches at the server are the batches that were asked for."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator import (
    Cut,
    Drop,
    Fault,
    LateVisibility,
    Stall,
    Status,
)
from airflow_provider_sam.exceptions import SamSubmissionUnprovenError
from tests.batches.submission_lab import CREATE, MEMORIES, Killed, break_create, die, prompts, requests

GATEWAY_PAGE = "<html>Bad gateway</html>"

FAULTS = {
    "answer dropped after acceptance": [Drop(accepted=True)],
    "answer reset after acceptance": [Drop(accepted=True, reset=True)],
    "answer cut": [Cut(after_bytes=20)],
    "read time-out after acceptance": [Stall(after_bytes=5, seconds=1.2)],
    "500 after acceptance": [Status(500, accepted=True)],
    "502 after acceptance": [Status(502, accepted=True, body=GATEWAY_PAGE)],
    "503 after acceptance": [Status(503, accepted=True, body="")],
    "504 after acceptance": [Status(504, accepted=True, retry_after=5)],
    "200 that cannot be read, after acceptance": [Status(200, accepted=True, body=GATEWAY_PAGE)],
    "502 without acceptance": [Status(502)],
    "reset before the body": [Drop(reset=True, read_body=False)],
    "closed before the body": [Drop(read_body=False)],
    "reset after the body, not accepted": [Drop(reset=True)],
    "429 with retry-after": [Status(429, retry_after=30)],
    "529 with retry-after": [Status(529, retry_after=30)],
    "429 without retry-after": [Status(429)],
    "slow to show, answer dropped": [Drop(accepted=True), LateVisibility(seconds=20)],
    "slow to show, 504": [Status(504, accepted=True), LateVisibility(seconds=20)],
    "slow to show": [LateVisibility(seconds=20)],
}


@pytest.mark.parametrize("shards", [1, 5], ids=["one batch", "five shards"])
@pytest.mark.parametrize("kind", MEMORIES)
@pytest.mark.parametrize("tries", ["first try", "retry"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_never_costs_a_second_batch_nor_a_lost_one(lab, fault, tries, kind, shards):
    lab.submit(requests(2, "foreign"), lab.memory(kind, "other"))
    break_create(lab, *FAULTS[fault], nth=(shards + 1) // 2)
    asked = requests(2 * shards)
    arguments = {"requests": asked, "memory": lab.memory(kind), "shard_size": 2, "leaves": 1}
    if tries == "retry":
        try:
            first = lab.submit(**arguments, sleep=die)
        except Killed:
            first = None
        ids = lab.submit(**arguments)
        assert first in (None, ids)
    else:
        ids = lab.submit(**arguments)
    assert sorted(ids) == sorted(lab.ids()[1:])
    assert sorted(name for names in lab.contents()[1:] for name in names) == sorted(each["custom_id"] for each in asked)
    assert len(ids) == shards


@pytest.mark.parametrize("kind", MEMORIES)
@pytest.mark.parametrize(
    "line",
    [
        "Looking for the batch before sending it again: create_batch: a batch may or may not have been created",
        "Cannot decide yet; continuing with the other batches: the answer to a create was lost, and {id} is a batch of",
        "An earlier try may have created a batch of 2 requests: looking for it",
        "Found batch {id} of 2 requests, with our custom_ids: attached to it",
        "Attached to batch {id} of 2 requests, remembered from an earlier try",
    ],
)
def test_the_log_says_what_was_done(lab, kind, line):
    batch_id = lose_answer(lab, lab.memory(kind))
    lab.emulator.end_batch(batch_id)
    for _ in range(2):
        assert lab.submit(requests(2), lab.memory(kind)) == [batch_id]
    assert any(logged.startswith(line.format(id=batch_id)) for logged in lab.log)


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_refused_create_leaves_no_doubt_behind(lab, kind):
    break_create(lab, Status(400, message="no credit"))
    with pytest.raises(Exception, match="no credit"):
        lab.submit(requests(2), lab.memory(kind))
    assert not lab.memory(kind).load().batches[0].intended
    lab.submit(requests(2), lab.memory(kind), sleep=die)
    assert len(lab.ids()) == 1


def test_a_server_that_cannot_be_reached_leaves_no_doubt_behind(lab):
    memory = lab.memory("task state")
    lab.emulator.stop()
    try:
        with pytest.raises(Exception, match="Nothing was sent"):
            lab.submit(requests(2), memory)
    finally:
        lab.emulator.start()
    lab.submit(requests(2), memory, sleep=die)
    assert len(lab.ids()) == 1


def test_a_list_that_fails_while_looking_is_never_taken_for_none(lab):
    memory = lab.memory("task state")
    break_create(lab, Drop(accepted=True))
    lab.emulator.faults.add(Fault(Status(500), operation="messages_batches_list", nth=2, times=20))
    with pytest.raises(Exception, match="500"):
        lab.submit(requests(2), memory)
    lab.emulator.faults.clear()
    assert lab.submit(requests(2), memory, leaves=1) == lab.ids()
    assert len(lab.ids()) == 1


def test_a_create_that_leaves_no_trace_is_sent_a_few_times_and_looked_for_by_the_next_try(lab):
    memory = lab.memory("task state")
    lab.emulator.faults.add(Fault(Status(502), operation=CREATE, times=3))
    with pytest.raises(Exception, match="sent a batch of 2 requests 3 times, but it never appeared"):
        lab.submit(requests(2), memory)
    assert memory.load().batches[0].intended
    lab.submit(requests(2), memory)
    assert len(lab.ids()) == 1


@pytest.mark.parametrize("named", [True, False], ids=["custom_ids given", "generated"])
def test_a_batch_that_shows_after_all_patience_is_taken_and_its_repeat_named(lab, named):
    memory, asked = lab.memory("task state"), requests(2) if named else prompts(2)
    break_create(lab, Drop(accepted=True), LateVisibility(seconds=90))
    break_create(lab, Drop(accepted=True), nth=2)
    (taken,) = lab.submit(asked, memory, leaves=2, visibility_timeout=60)
    older, younger = lab.ids()
    assert taken == younger  # the only one that could be seen by then
    assert lab.left == [(younger,)]
    assert older not in " ".join(lab.log)


@pytest.mark.parametrize("kind", MEMORIES)
def test_the_anchor_may_be_deleted_meanwhile(lab, kind):
    (anchor,) = lab.submit(requests(2, "foreign"), lab.memory(kind, "other"))
    ours = lose_answer(lab, lab.memory(kind))
    lab.emulator.end_batch(anchor)
    lab.emulator._service.workspace.delete(anchor)
    assert lab.submit(requests(2), lab.memory(kind), leaves=1) == [ours] == lab.ids()


def test_a_submission_into_an_empty_workspace_has_no_anchor_and_is_found(lab):
    break_create(lab, Drop(accepted=True))
    assert lab.submit(requests(2), lab.memory("task state"), leaves=1) == lab.ids()


def test_a_window_of_many_batches_is_searched_to_its_end(lab):
    memory = lab.memory("task state")
    ours = lose_answer(lab, memory)
    for number in range(101):
        lab.submit(requests(1), lab.memory("task state", f"other-{number}"))
    assert lab.submit(requests(2), memory, leaves=1) == [ours]


# --- several that it may be ------------------------------------------------------------------------------------------


def make_foreign(lab, kind="stranger"):
    """Let somebody else, of whom nothing is known here, create a batch of the same size."""
    (foreign,) = lab.submit(requests(2, "foreign"), lab.memory(kind, "somebody"))
    return foreign


def lose_answer(lab, memory, asked=None):
    """Let the answer to a create be lost: a batch is there of which the task does not know."""
    break_create(lab, Drop(accepted=True))
    with pytest.raises(SamSubmissionUnprovenError):
        lab.submit(asked or requests(2), memory)
    return lab.ids()[-1]


def test_two_that_cannot_be_told_apart_yet_are_named_and_neither_taken_nor_paid_for_again(lab):
    memory = lab.memory("task state")
    ours = lose_answer(lab, memory)
    foreign = make_foreign(lab)
    with pytest.raises(SamSubmissionUnprovenError, match=f"{ours} and {foreign} is a batch of 2 requests") as caught:
        lab.submit(requests(2), memory)
    assert caught.value.batch_ids == (ours, foreign)
    assert len(lab.ids()) == 2


@pytest.mark.parametrize("ended", ["ours", "both"])
def test_a_later_try_tells_them_apart_by_their_custom_ids_once_ours_has_ended(lab, ended):
    memory = lab.memory("task state")
    ours = lose_answer(lab, memory)
    foreign = make_foreign(lab)
    lab.emulator.end_batch(ours)
    if ended == "both":
        lab.emulator.end_batch(foreign)
    assert lab.submit(requests(2), memory) == [ours]
    assert len(lab.ids()) == 2


def test_a_foreign_batch_that_has_ended_is_not_adopted_for_a_create_that_left_nothing(lab):
    memory = lab.memory("task state")
    break_create(lab, Drop())
    with pytest.raises(Killed):
        lab.submit(requests(2), memory, sleep=die)
    foreign = make_foreign(lab)
    lab.emulator.end_batch(foreign)
    (ours,) = lab.submit(requests(2), memory)
    assert lab.ids() == [foreign, ours]


def test_adopt_batch_id_chooses_and_later_tries_stay_with_the_choice(lab):
    memory = lab.memory("task state")
    ours = lose_answer(lab, memory)
    make_foreign(lab)
    assert lab.submit(requests(2), memory, adopt=[ours]) == [ours]
    assert lab.submit(requests(2), memory) == [ours]
    assert len(lab.ids()) == 2


def test_adopt_batch_id_refuses_a_batch_of_another_size(lab):
    (other,) = lab.submit(requests(3), lab.memory("stranger"))
    with pytest.raises(Exception, match=rf"{other}, with 3 requests; this task's batches have 2"):
        lab.submit(requests(2), lab.memory("task state"), adopt=[other])


@pytest.mark.parametrize("kind", MEMORIES)
def test_adopt_batch_id_refuses_the_batch_of_another_task_that_is_known(lab, kind):
    (other,) = lab.submit(requests(2), lab.memory(kind, "other"))
    with pytest.raises(Exception, match=rf"{other}, which belongs to dag.task of other"):
        lab.submit(requests(2), lab.memory(kind), adopt=[other])


# --- two runs with the same input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEMORIES)
def test_two_runs_with_the_same_input_each_get_a_batch_of_their_own(lab, kind):
    first = lab.submit(requests(2), lab.memory(kind, "first"))
    second = lab.submit(requests(2), lab.memory(kind, "second"))
    assert first + second == lab.ids()
    assert len(lab.ids()) == 2


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("kind", MEMORIES)
def test_a_run_never_attaches_to_the_batch_of_the_other(lab, kind, accepted):
    break_create(lab, Drop(accepted=accepted))
    with pytest.raises((Killed, SamSubmissionUnprovenError)):
        lab.submit(prompts(2), lab.memory(kind, "first"), sleep=die)
    second = lab.submit(prompts(2), lab.memory(kind, "second"), leaves=2)
    first = lab.submit(prompts(2), lab.memory(kind, "first"), leaves=2)
    assert sorted(first + second) == sorted(lab.ids())
    assert len(lab.ids()) == 2


def test_a_state_path_shares_out_two_lost_answers_to_the_same_requests(lab):
    for run in ("first", "second"):
        break_create(lab, Drop(accepted=True))
        with pytest.raises(SamSubmissionUnprovenError):
            lab.submit(requests(2), lab.memory("state_path", run))
    first = lab.submit(requests(2), lab.memory("state_path", "first"), leaves=2)
    second = lab.submit(requests(2), lab.memory("state_path", "second"), leaves=2)
    assert first + second == lab.ids()


# --- what is remembered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_further_try_attaches_to_what_is_remembered(lab, kind):
    ids = lab.submit(requests(4), lab.memory(kind), shard_size=2)
    assert lab.submit(requests(4), lab.memory(kind), shard_size=2) == ids == lab.ids()


def test_a_changed_input_is_submitted_anew_and_unchanged_batches_are_kept(lab):
    memory = lab.memory("task state")
    first, second = lab.submit(requests(4), memory, shard_size=2)
    changed = requests(4)
    changed[3]["params"] = changed[3]["params"] | {"max_tokens": 6}
    assert lab.submit(changed, memory, shard_size=2) == [first, lab.ids()[2]]
    assert len(lab.ids()) == 3
    assert f"The input has changed since an earlier try: submitting a new batch; batch {second} of 2" in "\n".join(
        lab.log
    )


def test_other_betas_are_another_submission(lab):
    memory = lab.memory("task state")
    lab.submit(requests(2), memory)
    lab.submit(requests(2), memory, betas=["new-2026-01-01"])
    lab.submit(requests(2), memory, betas=["new-2026-01-01"])
    assert [batch.betas for batch in lab.emulator.batches] == [(), ("new-2026-01-01",)]


def test_resubmit_creates_another_batch_when_the_task_was_cleared_and_only_then(lab):
    memory = lab.memory("task state")
    for round_, batches in ((2, 1), (2, 1), (5, 2), (5, 2)):
        lab.submit(requests(2), memory, round=round_, resubmit=True)
        assert len(lab.ids()) == batches
    lab.submit(requests(2), memory, round=9)
    assert len(lab.ids()) == 2
    assert "The task was cleared with resubmit=True: submitting a new batch" in "\n".join(lab.log)


@pytest.mark.parametrize("end", ["canceled", "archived"])
def test_a_batch_whose_results_will_not_come_is_not_used_again(lab, end):
    memory = lab.memory("task state")
    (first,) = lab.submit(requests(2), memory)
    if end == "canceled":
        lab.emulator._service.workspace.cancel(first)
    else:
        lab.emulator.archive_batch(first)
    assert lab.submit(requests(2), memory) == [lab.ids()[1]]
    assert f"Submitting a new batch: batch {first} was {end}" in "\n".join(lab.log)


def test_a_404_on_a_remembered_batch_is_waited_out(lab):
    memory = lab.memory("task state")
    ids = lab.submit(requests(2), memory)
    lab.emulator.faults.add(Fault(Status(404), operation="messages_batches_retrieve", times=3))
    assert lab.submit(requests(2), memory) == ids == lab.ids()


def test_a_404_that_stays_fails_the_task_and_is_not_taken_for_gone(lab):
    memory = lab.memory("task state")
    (first,) = lab.submit(requests(2), memory)
    lab.emulator.faults.add(Fault(Status(404), operation="messages_batches_retrieve", times=None))
    with pytest.raises(Exception, match=rf"batch {first}, which this task created, has not been found for 60 s"):
        lab.submit(requests(2), memory)
    assert lab.ids() == [first]

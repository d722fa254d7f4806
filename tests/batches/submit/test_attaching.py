"""A batch is attached to on proof alone, and nothing is paid for twice: not by accidents, not by other tasks."""

from __future__ import annotations

import functools
import operator
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.store.record import Record
from airflow_provider_sam.emulator import (
    ChosenId,
    Drop,
    Fault,
    ListedTwice,
    RepeatedCreate,
    Status,
)
from airflow_provider_sam.exceptions import SamSubmissionError, SamSubmissionUnprovenError
from tests.batches.submission_lab import CREATE, MEMORIES, Killed, Lab, break_create, die, prompts, requests

LIST = "messages_batches_list"


def lose(lab, asked, memory, *, accepted):
    """Let a create be lost, before or after the server took it, and its try die."""
    break_create(lab, Drop(accepted=accepted))
    with pytest.raises((Killed, SamSubmissionUnprovenError)):
        lab.submit(asked, memory, sleep=die)


def held_by(lab, batch_id):
    return sorted(params["messages"][0]["content"] for _, params in lab.emulator.batch_requests(batch_id))


on_all_memories = pytest.mark.parametrize("kind", MEMORIES)


# --- whose is it? ----------------------------------------------------------------------------------------------------


@on_all_memories
def test_a_chunk_whose_create_was_lost_never_takes_the_batch_of_its_neighbour(lab, kind):
    lose(lab, prompts(6, "a"), lab.memory(kind, "a"), accepted=False)
    (second,) = lab.submit(prompts(6, "b"), lab.memory(kind, "b"))
    (first,) = lab.submit(prompts(6, "a"), lab.memory(kind, "a"), leaves=2)
    assert lab.ids() == [second, first]
    assert [held_by(lab, each)[0] for each in (first, second)] == ["a 0", "b 0"]


@on_all_memories
@pytest.mark.parametrize("foreign", [requests(6, "foreign"), prompts(6)], ids=["other custom_ids", "generated ones"])
@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_the_batch_of_a_stranger_is_never_taken(lab, kind, foreign, ended):
    lose(lab, prompts(6), lab.memory(kind), accepted=False)
    (stranger,) = lab.submit(foreign, lab.memory("stranger"))
    if ended:
        lab.emulator.end_batch(stranger)
    (ours,) = lab.submit(prompts(6), lab.memory(kind), leaves=1)
    assert lab.ids() == [stranger, ours]
    assert lab.left == ([] if ended else [(stranger,)])


def test_a_stranger_that_shares_some_of_our_custom_ids_is_not_taken(lab):
    lose(lab, requests(6), lab.memory("task state"), accepted=False)
    asked = [*requests(5), *requests(1, "foreign")]
    (stranger,) = lab.submit(asked, lab.memory("stranger"))
    lab.emulator.end_batch(stranger)
    (ours,) = lab.submit(requests(6), lab.memory("task state"))
    assert lab.ids() == [stranger, ours]


@on_all_memories
def test_other_batches_of_a_submission_go_on_while_one_is_in_doubt(lab, kind):
    break_create(lab, Drop(accepted=True), nth=2)
    with pytest.raises(SamSubmissionUnprovenError) as left:
        lab.submit(requests(10), lab.memory(kind), shard_size=2)
    assert len(lab.ids()) == 5
    assert left.value.batch_ids == (lab.ids()[1],)
    ids = lab.submit(requests(10), lab.memory(kind), shard_size=2, leaves=1)
    assert sorted(ids) == sorted(lab.ids())


def test_a_doubt_ends_with_the_candidates_own_time_and_costs_no_batch(lab):
    memory = lab.memory("task state")
    lose(lab, requests(2), memory, accepted=True)
    lab.clock.sleep(3600)
    with pytest.raises(SamSubmissionError, match=f"{lab.ids()[0]}.*has not ended in time"):
        lab.submit(requests(2), memory, prove_within=3599)
    assert lab.submit(requests(2), memory, adopt=lab.ids()) == lab.ids()
    assert len(lab.ids()) == 1


# --- several ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [2, 4])
@pytest.mark.parametrize("accepted", ["all", "every second", "none"])
@pytest.mark.parametrize("asked", [requests(3), prompts(3)], ids=["custom_ids given", "generated"])
@on_all_memories
def test_the_same_requests_of_several_tasks_are_shared_out(lab, kind, tasks, accepted, asked):
    for number in range(tasks):
        is_accepted = accepted == "all" or (accepted == "every second" and number % 2 == 0)
        lose(lab, asked, lab.memory(kind, str(number)), accepted=is_accepted)
    ids = [lab.submit(asked, lab.memory(kind, str(number)), leaves=tasks) for number in range(tasks)]
    assert sorted(functools.reduce(operator.iadd, ids, [])) == sorted(lab.ids())
    assert len(lab.ids()) == tasks


@on_all_memories
@pytest.mark.parametrize("asked", [requests(3), prompts(3)], ids=["custom_ids given", "generated"])
def test_of_a_create_that_a_gateway_has_repeated_the_older_is_taken_and_the_other_named(lab, kind, asked):
    break_create(lab, RepeatedCreate(times=2), Status(504, accepted=True))
    (taken,) = lab.submit(asked, lab.memory(kind), leaves=2)
    older, younger = lab.ids()
    assert taken == older
    assert lab.submit(asked, lab.memory(kind)) == [older]
    lab.emulator.end_batch(younger)


def test_the_log_names_the_batch_that_is_paid_twice_and_how_to_cancel_it(lab):
    memory = lab.memory("task state")
    break_create(lab, RepeatedCreate(times=2), Status(504, accepted=True))
    with pytest.raises(SamSubmissionUnprovenError):
        lab.submit(prompts(3), memory)
    older, younger = lab.ids()
    lab.emulator.end_batch(older)
    lab.emulator.end_batch(younger)
    assert lab.submit(prompts(3), memory) == [older]
    said = f"{younger} has the same custom_ids as {older}. Unless another task submitted it"
    assert [line for line in lab.log if line.startswith(said) and "SamCancelBatchOperator" in line]


def test_a_list_that_shows_one_batch_twice_shows_one_batch(lab):
    memory = lab.memory("task state")
    lose(lab, requests(3), memory, accepted=True)
    lab.emulator.end_batch(lab.ids()[0])
    lab.emulator.faults.add(Fault(ListedTwice(), operation=LIST, times=5))
    assert lab.submit(requests(3), memory) == lab.ids()
    assert "has the same custom_ids" not in "\n".join(lab.log)


# --- an answer that is none ------------------------------------------------------------------------------------------


@on_all_memories
@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("status", [302, 400, 404, 408, 409, 413, 425, 429, 499, 529])
def test_an_answer_that_is_not_the_apis_never_costs_a_second_batch(lab, kind, accepted, status):
    body = None if status == 409 else "<html>No</html>"
    break_create(lab, Status(status, accepted=accepted, body=body))
    if not accepted and status in {302, 400, 404, 413}:
        with pytest.raises(SamSubmissionError, match=f"no batch of 3 requests has appeared.*answered {status}"):
            lab.submit(prompts(3), lab.memory(kind))
    ids = lab.submit(prompts(3), lab.memory(kind), leaves=1)
    assert ids == lab.ids()
    assert len(ids) == 1


@on_all_memories
@pytest.mark.parametrize("untrusted", ["../../../evil", "/etc/x", ""])
def test_a_batch_whose_id_cannot_be_trusted_is_reported_and_no_other_is_created(lab, kind, untrusted):
    break_create(lab, ChosenId(untrusted))
    for said in ("its id cannot be trusted", "its id could not be trusted. Set adopt_batch_id"):
        with pytest.raises(SamSubmissionError, match=said):
            lab.submit(prompts(3), lab.memory(kind))
    assert lab.emulator.count(CREATE) == 1


# --- what is remembered ----------------------------------------------------------------------------------------------


@on_all_memories
def test_an_input_that_changes_back_is_paid_for_once(lab, kind):
    inputs = [requests(4), requests(4, "b"), requests(4), requests(4, "b"), requests(4)]
    ids = [lab.submit(asked, lab.memory(kind), shard_size=2) for asked in inputs]
    assert ids[0] == ids[2] == ids[4]
    assert ids[1] == ids[3]
    assert len(lab.ids()) == 4
    assert "The input has changed back" in "\n".join(lab.log)


def test_a_lost_create_of_an_input_that_changed_and_changed_back_is_found(lab):
    memory = lab.memory("task state")
    lose(lab, prompts(3, "a"), memory, accepted=True)
    (other,) = lab.submit(prompts(3, "b"), memory)
    assert lab.submit(prompts(3, "a"), memory, leaves=1) == [lab.ids()[0]]
    assert lab.submit(prompts(3, "b"), memory) == [other]
    assert len(lab.ids()) == 2


def test_generated_custom_ids_in_another_order_are_an_error_before_anything_is_paid(lab):
    memory = lab.memory("task state")
    ids = lab.submit(prompts(3), memory)
    with pytest.raises(SamRequestError, match=r"different order .*Give each a custom_id, or .*ORDER BY"):
        lab.submit(prompts(3)[::-1], memory)
    assert lab.submit(prompts(3), memory) == ids == lab.ids()
    lab.submit(prompts(3)[::-1], memory, round=1, resubmit=True)
    assert len(lab.ids()) == 2


def test_an_order_of_which_nothing_was_sent_holds_nobody_to_it(lab):
    memory = lab.memory("task state")
    break_create(lab, Status(400, message="no credit"))
    with pytest.raises(Exception, match="no credit"):
        lab.submit(prompts(3), memory)
    lab.submit(prompts(3)[::-1], memory)
    assert len(lab.ids()) == 1


@pytest.mark.parametrize("known", ["the batch", "the intent"])
def test_what_an_earlier_version_has_submitted_is_attached_to(lab, known):
    plain = [{"custom_id": f"request-{n}", **each} for n, each in enumerate(prompts(5), 1)]
    memory = lab.memory("task state")
    places = [list(members) for members, _ in lab.in_order(plain, shard_size=2)]
    ids = [lab.submit([plain[place] for place in members], lab.memory("stranger"))[0] for members in places]
    batches = [
        {"fingerprint": digest, "requests": len(places), "intended": known == "the intent", "batch_id": batch_id}
        for (places, digest), batch_id in zip(lab.in_order(plain, shard_size=2), ids, strict=True)
    ]
    if known == "the intent":
        batches = [{**batch, "batch_id": None} for batch in batches]
        for batch_id in ids:
            lab.emulator.end_batch(batch_id)
    lab.remember("run", {"round": 0, "batches": batches, "writer": "x", "version": 1})
    assert lab.submit(prompts(5), memory, shard_size=2) == ids == lab.ids()
    assert isinstance(memory.load(), Record)
    assert lab.submit(prompts(5), memory, shard_size=2) == ids == lab.ids()


# --- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_twenty_chunks_of_one_size_end_with_a_batch_each_that_is_their_own(lab, seed):
    dice = random.Random(seed)
    kind = MEMORIES[seed % len(MEMORIES)]
    open_chunks = {number: prompts(6, f"chunk {number}") for number in range(20)}
    ids = {}
    while open_chunks:
        for number in dice.sample(sorted(open_chunks), len(open_chunks)):
            if dice.random() < 0.2:
                # Whatever this call does, its create is lost; a fault that it does not meet is taken away again.
                lab.emulator.faults.add(Fault(Drop(accepted=dice.random() < 0.5), operation=CREATE))
            try:
                (ids[number],) = lab.submit(open_chunks[number], lab.memory(kind, str(number)))
            except SamSubmissionUnprovenError as left:
                if dice.random() < 0.5:
                    lab.emulator.end_batch(left.batch_ids[0])
            else:
                del open_chunks[number]
            lab.emulator.faults.clear()
    assert sorted(ids.values()) == sorted(lab.ids())
    for number, batch_id in ids.items():
        assert held_by(lab, batch_id) == sorted(f"chunk {number} {n}" for n in range(6))


def test_any_order_any_limit_and_any_kill_send_each_request_once(server, tmp_path_factory):
    emulator, clock = server

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        count=st.integers(1, 9),
        tries=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=3),
        data=st.data(),
    )
    def submissions(count, tries, data):
        emulator.reset()
        lab = Lab(emulator, clock, tmp_path_factory.mktemp("any"))
        with lab.client:
            submit_all(lab, count, tries, data)

    def submit_all(lab, count, tries, data):
        memory = lab.memory(data.draw(st.sampled_from(MEMORIES)))
        for shard_size, nth in [*tries, (data.draw(st.integers(1, 4)), 0)]:
            asked = data.draw(st.permutations(requests(count)))
            if nth:
                break_create(lab, Drop(accepted=data.draw(st.booleans())), nth=nth)
            try:
                ids = lab.submit(
                    asked, memory, shard_size=shard_size, sleep=die if nth else None, leaves=0 if nth else 9
                )
            except (Killed, SamSubmissionUnprovenError):
                ids = None
            emulator.faults.clear()
        assert sorted(ids) == sorted(lab.ids())
        assert sorted(functools.reduce(operator.iadd, lab.contents(), [])) == sorted(
            each["custom_id"] for each in requests(count)
        )

    submissions()

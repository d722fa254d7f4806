"""A watcher tells of each batch that ends, once, and a restart loses none where Airflow remembers."""

from __future__ import annotations

import asyncio
import json
import logging
import pkgutil
from types import SimpleNamespace

import pytest
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_sam.emulator import Delay, Fault
from airflow_provider_sam.triggers.ended import SamBatchEndedTrigger, ended_batches
from tests.earlier import EARLIER
from tests.triggers.database import rebuilt
from tests.triggers.watching import LIST, NoSingleStore, StateStore, ids, next_look, telling
from tests.waiting import reached

CLASSPATH = "airflow_provider_sam.triggers.ended.SamBatchEndedTrigger"


def trigger(store=None, **arguments):
    made = SamBatchEndedTrigger(**({"poll_interval": 0.1} | arguments))
    made.asset_state_store = store
    return made


def running(sam, *args, **arguments):
    return telling(trigger(*args, **arguments).run(), sam)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"sam_conn_id": "sam_default", "poll_interval": 60.0, "min_succeeded": 0},
        {"sam_conn_id": "sam_eu", "poll_interval": 5, "min_succeeded": 1},
    ],
    ids=["the defaults", "others"],
)
def test_a_watcher_is_the_same_wherever_airflow_keeps_it(kwargs):
    made = SamBatchEndedTrigger(**kwargs)
    assert made.serialize() == (CLASSPATH, kwargs)
    kept = rebuilt(made)
    assert kept.serialize() == (CLASSPATH, kwargs)
    assert BaseEventTrigger.hash(*kept.serialize()) == BaseEventTrigger.hash(*made.serialize())


def test_a_watcher_may_be_made_without_arguments():
    assert SamBatchEndedTrigger().serialize()[1]["sam_conn_id"] == "sam_default"


async def test_a_watcher_tells_of_each_batch_that_ends_from_its_begin_on_and_once(sam, create):
    before, going_on = create(), create()
    sam.end_batch(before)
    async with running(sam) as told:
        new = create()
        sam.end_batch(going_on)
        sam.end_batch(new)
        await reached(lambda: len(told) >= 2)
        await next_look(sam)
    assert ids(told) == [going_on, new]


async def test_a_watcher_that_an_earlier_version_has_stored_runs_to_its_event(sam, create):
    stored = EARLIER["triggers"]["watcher"]
    row = Trigger(**stored)
    watcher = pkgutil.resolve_name(row.classpath)(**row.kwargs)
    assert watcher.serialize() == (stored["classpath"], stored["kwargs"])
    async with telling(watcher.run(), sam) as told:
        batch_id = create()
        sam.end_batch(batch_id)
        await reached(lambda: told)
    assert ids(told) == [batch_id]


async def test_an_event_is_ids_counts_and_times(sam, create):
    async with running(sam) as told:
        batch_id = create()
        sam.end_batch(batch_id)
        await reached(lambda: told)
    (view,) = sam.batches
    assert told == [
        {
            "id": batch_id,
            "processing_status": "ended",
            "processing": 0,
            "succeeded": 5,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
            "cancel_initiated": False,
            "created_at": view.created_at.isoformat(),
            "ended_at": view.ended_at.isoformat(),
        }
    ]
    assert json.loads(json.dumps(told)) == told


async def test_a_burst_of_ends_is_one_event_a_look_whatever_its_size(sam, create):
    payloads, store = [], StateStore()
    async with running(sam, store):
        pass
    for number in (5, 20, 3):
        batch_ids = [create() for _ in range(number)]
        for batch_id in batch_ids:
            sam.end_batch(batch_id)
        events = trigger(store).run()
        payloads.append((await anext(events)).payload)
        waiting = asyncio.create_task(anext(events))
        await next_look(sam)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert {batch["id"] for batch in payloads[-1]["batches"]} == set(batch_ids)
        assert waiting.cancelled(), "no second event"


def asset_events(*payloads):
    return {"asset": [SimpleNamespace(extra={"payload": payload}) for payload in payloads]}


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ({}, []),
        (asset_events({"batches": [{"id": "b", "ended_at": "2"}, {"id": "a", "ended_at": "1"}]}), ["a", "b"]),
        (asset_events({"id": "b", "ended_at": "2"}, {"batches": [{"id": "a", "ended_at": "1"}]}), ["a", "b"]),
        (asset_events({"batches": [{"id": "a"}]}, {"batches": [{"id": "a"}]}), ["a"]),
        (asset_events({}, None, {"note": "by hand"}), []),
        ({"asset": [SimpleNamespace(extra={}), SimpleNamespace(extra=None)]}, []),
    ],
    ids=["none", "one event", "an old one and a new one", "told twice", "by hand", "without a payload"],
)
def test_a_dag_reads_the_batches_of_all_events_that_started_its_run(events, told):
    assert ids(ended_batches(events)) == told


async def test_batches_with_too_few_results_are_left_out(sam, create):
    async with running(sam, min_succeeded=5) as told:
        poor, rich = create(), create()
        sam.end_batch(poor, {"row-0": "errored"})
        sam.end_batch(rich)
        await reached(lambda: told)
        await next_look(sam)
    assert ids(told) == [rich]


async def test_what_ends_while_no_triggerer_runs_is_told_of_afterwards_and_nothing_twice(sam, create):
    store = StateStore()
    first, second = create(), create()
    async with running(sam, store) as told:
        sam.end_batch(first)
        await reached(lambda: told)
        await next_look(sam)
    sam.end_batch(second)
    async with running(sam, store) as told_later:
        await reached(lambda: told_later)
        await next_look(sam)
    assert (ids(told), ids(told_later)) == ([first], [second])


async def test_what_ends_before_the_first_end_is_told_of_afterwards_too(sam, create):
    store, batch_id = StateStore(), create()
    async with running(sam, store) as told:
        pass
    sam.end_batch(batch_id)
    async with running(sam, store) as told_later:
        await reached(lambda: told_later)
    assert (told, ids(told_later)) == ([], [batch_id])


async def test_a_triggerer_that_dies_with_an_event_in_its_hands_tells_of_it_again(sam, create):
    store, batch_id = StateStore(), create()
    async with running(sam, store):
        pass
    sam.end_batch(batch_id)
    for _ in range(2):
        events = trigger(store).run()
        assert ids((await anext(events)).payload["batches"]) == [batch_id]
        await events.aclose()


async def test_a_watcher_without_a_store_begins_anew(sam, create):
    first, second = create(), create()
    async with running(sam) as told:
        sam.end_batch(first)
        await reached(lambda: told)
    sam.end_batch(second)
    async with running(sam) as told_later:
        await next_look(sam)
    assert told_later == []


async def test_watchers_of_one_asset_remember_each_for_itself(sam, create):
    store, batch_id = StateStore(), create()
    for arguments in ({}, {"min_succeeded": 1}):
        async with running(sam, store, **arguments):
            pass
    sam.end_batch(batch_id)
    for arguments in ({}, {"min_succeeded": 1}):
        async with running(sam, store, **arguments) as told:
            await reached(lambda told=told: told)
            await next_look(sam)
    assert len(store) == 2


async def test_a_watcher_of_several_assets_works_and_says_what_it_cannot(sam, create, monkeypatch, caplog):
    monkeypatch.setattr(SamBatchEndedTrigger, "log", logging.getLogger("watcher"))
    async with running(sam, NoSingleStore()) as told:
        batch_id = create()
        sam.end_batch(batch_id)
        await reached(lambda: told)
    assert ids(told) == [batch_id]
    assert caplog.text.count("cannot store its state") == 1


async def test_a_watcher_that_is_stopped_closes_all_and_touches_no_batch(sam, create):
    create()
    before = asyncio.all_tasks()
    async with running(sam):
        pass
    assert asyncio.all_tasks() == before
    assert {record.operation for record in sam.requests} == {"messages_batches_create", LIST}


async def test_a_slow_answer_does_not_block_the_loop(sam):
    sam.faults.add(Fault(Delay(1.0), operation=LIST))
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count_turns())
    async with running(sam):
        counting.cancel()
    assert turns > 20, "others had their turns while the answer was on its way"

"""A watcher sees every end with few requests, and no failure stops it: over HTTP, against the emulator."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import timedelta

import pytest

from airflow_provider_sam.batches.wait.pacing import LONGEST_PAUSE
from airflow_provider_sam.batches.wait.workspace import poll_ended_batches
from airflow_provider_sam.emulator import Fault, Status
from tests.batches.connections import settings_of

LIST = "messages_batches_list"
SPEED = 100
"""How much faster the time of a long trial goes than the clock on the wall."""


@pytest.fixture
def page_of_ten(monkeypatch):
    """Pages of ten at the most."""
    for module in ("workspace", "pacing"):
        monkeypatch.setattr(f"airflow_provider_sam.batches.wait.{module}.PAGE", 10)


@pytest.fixture
def never_late(monkeypatch):
    """Each batch shows in the list as soon as it is created."""
    monkeypatch.setattr("airflow_provider_sam.batches.wait.ended.LATE", timedelta(0))


@pytest.fixture
def pauses():
    """How long nobody looked; no time passes."""
    return []


@pytest.fixture
def hasty(connections, pauses):
    """Looks one after the other, without a pause in between and without jitter."""

    async def sleep(seconds):
        pauses.append(seconds)

    return poll_ended_batches(connections, interval=10, sleep=sleep, random=lambda: 0.0)


def fast(connections):
    """Look every 10 seconds of a time that goes faster."""
    return poll_ended_batches(connections, interval=10, sleep=lambda seconds: asyncio.sleep(seconds / SPEED))


def listed(emulator):
    return [record for record in emulator.requests if record.operation == LIST]


def ids(look):
    return {batch.id for batch in look}


async def test_each_look_gives_all_that_ended_whenever_it_was_created(sam_emulator, create, hasty):
    before, followed = create(2)
    sam_emulator.end_batch(before)
    async with aclosing(hasty):
        assert ids(await anext(hasty)) == {before}
        (between,) = create()
        sam_emulator.end_batch(between)
        assert ids(await anext(hasty)) == {before, between}
        sam_emulator.end_batch(followed)
        assert ids(await anext(hasty)) == {before, between, followed}


async def test_a_workspace_without_batches_is_looked_at_too(sam_emulator, create, hasty):
    async with aclosing(hasty):
        assert await anext(hasty) == ()
        (batch_id,) = create()
        sam_emulator.end_batch(batch_id)
        assert ids(await anext(hasty)) == {batch_id}


@pytest.mark.usefixtures("page_of_ten", "never_late")
async def test_a_look_lists_only_down_to_where_something_may_change(sam_emulator, create, hasty):
    batches = create(35)
    for batch_id in batches[:-12]:
        sam_emulator.end_batch(batch_id)
    async with aclosing(hasty):
        assert len(await anext(hasty)) == 23
        assert len(listed(sam_emulator)) == 4
        assert len(await anext(hasty)) == 23
        assert len(listed(sam_emulator)) == 4 + 2
        for batch_id in batches:
            sam_emulator.end_batch(batch_id)
        assert len(await anext(hasty)) == 35
        assert len(await anext(hasty)) == 35
        assert len(listed(sam_emulator)) == 4 + 2 + 2 + 1


@pytest.mark.usefixtures("never_late")
async def test_a_page_holds_no_more_than_may_have_changed(sam_emulator, create, hasty):
    for batch_id in create(60):
        sam_emulator.end_batch(batch_id)
    async with aclosing(hasty):
        for _ in range(3):
            assert len(await anext(hasty)) == 60
    assert [int(record.query["limit"]) for record in listed(sam_emulator)] == [1000, 95, 21]


@pytest.mark.usefixtures("page_of_ten")
async def test_a_list_that_is_cut_short_by_a_limit_of_the_rate_goes_on_where_it_stopped(
    sam_emulator, create, hasty, pauses
):
    batches = create(35)
    for batch_id in batches:
        sam_emulator.end_batch(batch_id)
    sam_emulator.faults.add(Fault(Status(429, retry_after=30), operation=LIST, nth=3))
    async with aclosing(hasty):
        assert ids(await anext(hasty)) == set(batches)
    asked = [record.query.get("after_id") for record in listed(sam_emulator)]
    assert asked == [None, batches[25], batches[15], batches[15], batches[5]]
    assert pauses == [30]


@pytest.mark.usefixtures("page_of_ten")
async def test_a_list_whose_place_to_go_on_was_deleted_begins_anew(sam_emulator, create, hasty):
    batches = create(15)
    for batch_id in batches:
        sam_emulator.end_batch(batch_id)
    sam_emulator.faults.add(Fault(Status(404), operation=LIST, nth=2))
    async with aclosing(hasty):
        assert ids(await anext(hasty)) == set(batches)
    assert [record.query.get("after_id") for record in listed(sam_emulator)] == [None, batches[5], None, batches[5]]


async def test_ten_minutes_without_the_api_lose_no_end(sam_emulator, create, connections):
    (batch_id,) = create()
    seen = []
    async with aclosing(fast(connections)) as stream:
        assert await anext(stream) == ()
        sam_emulator.stop()
        watching = asyncio.create_task(anext(stream))
        await asyncio.sleep(600 / SPEED)
        sam_emulator.start()
        sam_emulator.end_batch(batch_id)
        seen += await watching
        while not seen:
            seen += await anext(stream)
    assert ids(seen) == {batch_id}


async def test_nobody_looks_before_the_server_s_retry_after(sam_emulator, connections):
    sam_emulator.faults.add(Fault(Status(429, retry_after=120), operation=LIST))
    async with aclosing(fast(connections)) as stream:
        assert await anext(stream) == ()
    refused, answered = listed(sam_emulator)
    assert (answered.when - refused.when) * SPEED >= 119  # the server's clock starts a moment later than ours


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_said_and_asked_for_again_at_a_slowing_pace(
    sam_emulator, connections, hasty, pauses, caplog, status
):
    sam_emulator.faults.add(Fault(Status(status, message="no such key"), times=6))
    caplog.set_level(logging.INFO)
    async with aclosing(hasty):
        assert await anext(hasty) == ()
    assert pauses == [10, 20, 40, 80, LONGEST_PAUSE, LONGEST_PAUSE]
    assert caplog.text.count("no such key") == 6
    assert "responds again" in caplog.text
    assert sam_emulator.api_key not in caplog.text
    assert connections.made == 1 + 6, "the connection is read anew each time"
    assert connections.open == 0


async def test_a_rotated_key_is_read_anew_within_the_same_look(sam_emulator, connections):
    good, connections.settings = connections.settings, settings_of(sam_emulator, api_key="an-old-key")

    async def connect():
        client = await connections()
        connections.settings = good
        return client

    async with aclosing(poll_ended_batches(connect, interval=60)) as stream:
        assert await anext(stream) == ()
    assert [record.status for record in listed(sam_emulator)] == [401, 200]
    assert (connections.made, connections.open) == (2, 0)


async def test_a_connection_that_cannot_be_read_is_said_and_read_again(connections, pauses, caplog):
    failing = ["no connection by this name", None]

    async def connect():
        if problem := failing.pop(0):
            raise LookupError(problem)
        return await connections()

    async def sleep(seconds):
        pauses.append(seconds)

    async with aclosing(poll_ended_batches(connect, interval=10, sleep=sleep, random=lambda: 0.0)) as stream:
        assert await anext(stream) == ()
    assert pauses == [10]
    assert "no connection by this name" in caplog.text


async def test_an_end_to_the_looks_closes_the_client(sam_emulator, connections):
    stream = poll_ended_batches(connections, interval=60)
    await anext(stream)
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    assert connections.open == 1
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert connections.open == 0
    assert sam_emulator.count(LIST) == 1

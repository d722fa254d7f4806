"""A trigger is the same wherever Airflow keeps it or moves it, and only a person's kill cancels its batches."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pkgutil
import time

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import Fault, OnDemand, Status
from airflow_provider_sam.emulator.faults import Delay
from airflow_provider_sam.triggers.batch import SamBatchTrigger
from tests.triggers.airflow import held_by_airflow
from tests.triggers.database import rebuilt

LOOKS = ("messages_batches_list", "messages_batches_retrieve")
CLASSPATH = "airflow_provider_sam.triggers.batch.SamBatchTrigger"


@pytest.fixture
def batch_ids(sam, requests):
    """Two batches that go on until they are told to end."""
    sam.progress = OnDemand()
    with SamClient(ClientSettings(base_url=sam.url, api_key=sam.api_key)) as client:
        return [client.create_batch(requests).id for _ in range(2)]


@pytest.fixture
def said(monkeypatch, caplog):
    """What the task's log says; Airflow's own loggers write past pytest."""
    monkeypatch.setattr(SamBatchTrigger, "log", logging.getLogger("task"))
    caplog.set_level(logging.INFO, "task")
    return caplog


def trigger_for(batch_ids, **changes):
    arguments = {"batch_ids": batch_ids, "deadline": time.time() + 60, "poll_interval": 0.1} | changes
    return held_by_airflow(SamBatchTrigger(**arguments))


async def events_of(trigger):
    return [event.payload async for event in trigger.run()]


@contextlib.asynccontextmanager
async def waiting(trigger, emulator):
    """Run a trigger until its first look, then cancel it with the message that Airflow gives for a person's action."""
    task = asyncio.create_task(events_of(trigger))
    async with asyncio.timeout(30):
        while not sum(emulator.counts[each] for each in LOOKS):  # noqa: ASYNC110 - it is in another thread
            await asyncio.sleep(0.01)
    yield task
    task.cancel("user-action")
    await asyncio.wait([task])


@pytest.mark.parametrize(
    "kwargs",
    [
        {"batch_ids": ["msgbatch_1"], "deadline": 1767225600.25, "sam_conn_id": "sam_default", "poll_interval": 60.0},
        {
            "batch_ids": ["msgbatch_1", "msgbatch_2"],
            "deadline": 1767225600.25,
            "sam_conn_id": "sam_eu",
            "poll_interval": 5.0,
            "cancel_on_kill": True,
        },
        {
            "batch_ids": ["msgbatch_1"],
            "deadline": 1767225600.25,
            "sam_conn_id": "sam_default",
            "poll_interval": 60.0,
            "cancel_on_kill": True,
            "visibility_timeout": 900.0,
            "seen": ["msgbatch_1"],
            "deferral": {"try_number": 2, "max_tries": 3, "failed": False},
        },
    ],
    ids=["before cancel_on_kill", "before deferral", "today"],
)
def test_a_trigger_that_any_version_stored_loads_and_means_the_same(kwargs):
    trigger = pkgutil.resolve_name(CLASSPATH)(**kwargs)
    classpath, now = rebuilt(trigger).serialize()
    assert classpath == CLASSPATH
    later = {"cancel_on_kill": False, "visibility_timeout": None, "seen": [], "deferral": None}
    assert now == later | kwargs


async def test_the_deadline_is_the_same_moment_after_every_move(batch_ids):
    deadline = time.time() + 0.5
    trigger = rebuilt(rebuilt(trigger_for(batch_ids, deadline=deadline)))
    assert trigger.deadline == deadline
    (event,) = await events_of(trigger)
    assert event["outcome"] == "timeout"
    assert time.time() >= deadline


async def test_a_wait_that_can_never_end_fires_an_error(sam, batch_ids, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.batches.wait.pacing.REFUSAL_STANDS", 0.2)
    sam.faults.add(Fault(Status(401, message="who are you"), times=None))
    (event,) = await events_of(trigger_for(batch_ids))
    assert event["outcome"] == "error"
    assert "who are you" in event["message"]
    assert sam.api_key not in str(event)


async def test_a_batch_that_was_never_there_fires_an_error(sam):  # noqa: ARG001 - the connection leads there
    (event,) = await events_of(trigger_for(["msgbatch_elsewhere"], visibility_timeout=0.2))
    assert event["outcome"] == "error"
    assert "Does the key belong to the workspace of this batch" in event["message"]


@pytest.mark.parametrize("changes", [{}, {"visibility_timeout": 0.2, "seen": ["msgbatch_elsewhere"]}])
async def test_a_batch_that_was_seen_once_is_waited_for_and_by_an_older_wait_any(sam, changes):  # noqa: ARG001
    trigger = trigger_for(["msgbatch_elsewhere"], deadline=time.time() + 1, **changes)
    (event,) = await events_of(trigger)
    assert event["outcome"] == "timeout"


async def test_triggers_of_one_connection_share_their_requests(sam, batch_ids):
    running = [asyncio.create_task(events_of(trigger_for(batch_ids[:1]))) for _ in range(50)]
    await asyncio.sleep(0.5)
    sam.end_batch(batch_ids[0])
    events = await asyncio.gather(*running)
    assert {event["outcome"] for (event,) in events} == {"ended"}
    assert sum(sam.counts.values()) - len(batch_ids) <= 10


@pytest.mark.parametrize("cancel_on_kill", [False, True])
async def test_being_stopped_cancels_no_batch(sam, batch_ids, cancel_on_kill):
    async with waiting(trigger_for(batch_ids, cancel_on_kill=cancel_on_kill), sam) as task:
        pass
    assert task.cancelled()
    assert sam.count("messages_batches_cancel") == 0
    assert {batch.status for batch in sam.batches} == {"in_progress"}


@pytest.mark.usefixtures("airflow")
async def test_a_kill_cancels_the_batches_where_asked_and_says_so(sam, batch_ids, said):
    trigger = held_by_airflow(rebuilt(trigger_for(batch_ids, cancel_on_kill=True)))
    async with waiting(trigger, sam):
        pass
    await trigger.on_kill()
    assert {batch.status for batch in sam.batches} == {"canceling"}
    assert all(f"Asked to cancel batch {each}" in said.text for each in batch_ids)


async def test_a_kill_cancels_nothing_where_it_was_not_asked_for_and_says_so(sam, batch_ids, said):
    await trigger_for(batch_ids).on_kill()
    assert sam.count("messages_batches_cancel") == 0
    assert "its batches keep running" in said.text


@pytest.mark.usefixtures("airflow")
async def test_a_batch_that_cannot_be_canceled_does_not_save_the_others(sam, batch_ids, said):
    sam.faults.add(Fault(Status(403), operation="messages_batches_cancel"))
    await trigger_for(batch_ids, cancel_on_kill=True).on_kill()
    assert sorted(batch.status for batch in sam.batches) == ["canceling", "in_progress"]
    assert "Could not cancel batch" in said.text


@pytest.mark.usefixtures("airflow")
async def test_canceling_takes_no_longer_than_airflow_grants(sam, batch_ids, said, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.triggers.batch.CANCEL_WITHIN", 0.3)
    sam.faults.add(Fault(Delay(60), operation="messages_batches_cancel", times=None))
    async with asyncio.timeout(30):
        await trigger_for(batch_ids, cancel_on_kill=True).on_kill()
    assert "within 0.3 s" in said.text

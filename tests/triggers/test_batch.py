"""The trigger is rebuilt from what it serializes, never blocks its loop, and touches no batch when it is stopped."""

from __future__ import annotations

import asyncio
import time

import pytest

from airflow_provider_sam.emulator import AfterLooks, Delay, Fault, OnDemand
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.triggers.batch import SamBatchTrigger


@pytest.fixture
def batch_id(sam, requests):
    """A batch that ends when it is told to."""
    sam.progress = OnDemand()
    with SamHook().client as client:
        return client.create_batch(requests).id


def trigger(batch_id, **arguments):
    return SamBatchTrigger(batch_ids=[batch_id], **{"deadline": time.time() + 60, "poll_interval": 0.01, **arguments})


def test_a_trigger_is_rebuilt_from_what_it_serializes():
    path, arguments = trigger("msgbatch_1", sam_conn_id="other").serialize()
    assert path == "airflow_provider_sam.triggers.batch.SamBatchTrigger"
    assert SamBatchTrigger(**arguments).serialize() == (path, arguments)


async def test_a_trigger_fires_one_event_of_ids_and_counts(sam, batch_id):
    sam.progress = AfterLooks(2)
    events = [event.payload async for event in trigger(batch_id).run()]
    assert events == [
        {
            "version": 1,
            "outcome": "ended",
            "message": "",
            "batches": [
                {
                    "id": batch_id,
                    "processing_status": "ended",
                    "processing": 0,
                    "succeeded": 5,
                    "errored": 0,
                    "canceled": 0,
                    "expired": 0,
                    "cancel_initiated": False,
                }
            ],
        }
    ]


async def test_a_deadline_that_has_passed_fires_after_one_look(sam, batch_id):
    (event,) = [event.payload async for event in trigger(batch_id, deadline=time.time() - 1).run()]
    assert event["outcome"] == "timeout"
    assert sam.count("messages_batches_retrieve") == 1


async def test_a_trigger_that_is_stopped_cancels_nothing(sam, batch_id):
    waiting = asyncio.create_task(anext(trigger(batch_id).run()))
    while not sam.count("messages_batches_retrieve"):  # noqa: ASYNC110 - the emulator has a loop of its own
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sam.batches[0].status == "in_progress"
    assert not sam.count("messages_batches_cancel")


async def test_a_slow_answer_does_not_block_the_loop(sam, batch_id):
    sam.faults.add(Fault(Delay(1.0), operation="messages_batches_retrieve"))
    sam.progress = AfterLooks(1)
    await asyncio.sleep(0)
    waiting = asyncio.create_task(anext(trigger(batch_id).run()))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert (await waiting).payload["outcome"] == "ended"
    assert turns > 20, "others had their turns while the answer was on its way"

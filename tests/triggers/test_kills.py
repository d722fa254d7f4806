"""A kill cancels what somebody gave up, never what waits on elsewhere; in doubt nothing is canceled, and it is said."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from airflow_provider_sam.batches.wait.deferral import Deferral
from airflow_provider_sam.emulator import Delay, Fault, Status
from airflow_provider_sam.triggers.batch import SamBatchTrigger
from airflow_provider_sam.triggers.start import SamBatchStartTrigger
from tests.triggers.airflow import held_by_airflow
from tests.triggers.database import rebuilt

FIRST = Deferral(try_number=1, max_tries=0)


@pytest.fixture
def batch_id(create):
    return create()


@pytest.fixture
def said(monkeypatch, caplog):
    """What the task's log says; Airflow's own loggers write past pytest."""
    monkeypatch.setattr(SamBatchTrigger, "log", logging.getLogger("task"))
    caplog.set_level(logging.INFO, "task")
    return caplog


def trigger_for(batch_id, **changes):
    arguments = {"deadline": time.time() + 60, "cancel_on_kill": True, "deferral": FIRST.dump()} | changes
    return held_by_airflow(rebuilt(SamBatchTrigger(batch_ids=[batch_id], **arguments)))


@pytest.mark.parametrize("state", ["failed", "success", None, "scheduled", "running"])
async def test_a_wait_that_a_person_ended_cancels(sam, airflow, batch_id, state):
    airflow.state, airflow.latest = state, FIRST
    await trigger_for(batch_id).on_kill()
    assert sam.batches[0].status == "canceling"


async def test_a_wait_that_was_cleared_and_is_deferred_again_cancels(sam, airflow, batch_id):
    airflow.state, airflow.latest = "deferred", Deferral(try_number=2, max_tries=1)
    await trigger_for(batch_id).on_kill()
    assert sam.batches[0].status == "canceling"


@pytest.mark.parametrize(
    ("state", "latest", "changes"),
    [
        ("deferred", FIRST, {}),
        ("deferred", Deferral(try_number=2, max_tries=0), {}),
        ("deferred", None, {"deferral": None}),
        ("failed", FIRST, {"deadline": 0}),
        ("failed", Deferral(try_number=1, max_tries=0, failed=True), {}),
    ],
    ids=[
        "held elsewhere",
        "retried elsewhere",
        "deferred by an older version",
        "timed out elsewhere",
        "failed elsewhere",
    ],
)
async def test_a_wait_that_nobody_gave_up_cancels_nothing_and_says_how_to(
    sam, airflow, batch_id, said, state, latest, changes
):
    airflow.state, airflow.latest = state, latest
    await trigger_for(batch_id, **changes).on_kill()
    assert sam.count("messages_batches_cancel") == 0
    assert f"Not canceling {batch_id}" in said.text
    assert "SamCancelBatchOperator" in said.text


async def test_a_batch_that_ended_elsewhere_is_not_asked_to_cancel(sam, airflow, batch_id):
    sam.end_batch(batch_id)
    airflow.state, airflow.latest = "success", FIRST
    await trigger_for(batch_id).on_kill()
    assert sam.count("messages_batches_cancel") == 0


async def test_where_airflow_cannot_be_asked_nothing_is_canceled(sam, airflow, batch_id, said):
    airflow.problem = LookupError("no triggerer")
    await trigger_for(batch_id).on_kill()
    assert sam.count("messages_batches_cancel") == 0
    assert "no triggerer" in said.text


async def test_where_airflow_does_not_answer_nothing_is_canceled(sam, airflow, batch_id, said, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.triggers.kills.ASK_WITHIN", 0.05)
    airflow.silent = True
    async with asyncio.timeout(30):
        await trigger_for(batch_id).on_kill()
    assert sam.count("messages_batches_cancel") == 0
    assert "does not tell" in said.text


async def test_a_kill_that_airflow_repeats_each_second_is_handled_to_its_end(sam, airflow, batch_id):
    airflow.state, airflow.latest = "failed", FIRST
    sam.faults.add(Fault(Delay(0.5), operation="messages_batches_retrieve"))
    kill = asyncio.create_task(trigger_for(batch_id).on_kill())
    repeats = 0
    while not kill.done():
        await asyncio.sleep(0.05)
        kill.cancel()
        repeats += 1
    assert repeats > 1
    assert sam.count("messages_batches_cancel") == 1


async def test_a_wait_that_fails_says_so_to_its_twin_in_a_triggerer_that_stalled(sam, airflow, batch_id, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.batches.wait.pacing.REFUSAL_STANDS", 0.1)
    sam.faults.add(Fault(Status(410), operation="messages_batches_retrieve", times=None))
    airflow.state, airflow.latest = "deferred", FIRST
    events = [event.payload async for event in trigger_for(batch_id, poll_interval=0.01).run()]
    assert events[0]["outcome"] == "error"
    airflow.state = "failed"
    await trigger_for(batch_id).on_kill()
    assert sam.count("messages_batches_cancel") == 0


async def test_a_wait_that_began_in_the_triggerer_tells_its_tries_apart(sam, airflow, batch_id):
    def begun(try_number):
        trigger = SamBatchStartTrigger(batch_id=batch_id, poll_interval=0.01, cancel_on_kill=True)
        return held_by_airflow(trigger, try_number)

    airflow.state = "deferred"
    for try_number in (1, 2):
        waiting = asyncio.create_task(anext(begun(try_number).run()))
        while airflow.latest != Deferral(try_number=try_number):  # noqa: ASYNC110 - left by another task
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        await begun(1).on_kill()
        assert sam.count("messages_batches_cancel") == try_number - 1

"""The sensor waits through trouble, defers once at most, and judges what it sees the same in both modes."""

from __future__ import annotations

import asyncio
import time

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sam._compat import AirflowSensorTimeout, AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.emulator import AfterLooks, Delay, Drop, Fault, OnDemand, Slow, Status
from airflow_provider_sam.exceptions import SamBatchFailedError, SamWaitError
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.triggers.batch import SamBatchTrigger


@pytest.fixture
def create(sam, requests):
    """Creates a batch at the emulator."""

    def create():
        with SamHook().client as client:
            return client.create_batch(requests).id

    sam.progress = OnDemand()
    return create


def sensor(batch_id, *, deferrable, **arguments):
    return SamBatchSensor(
        task_id="wait", batch_id=batch_id, deferrable=deferrable, **{"poke_interval": 0.01, "timeout": 60} | arguments
    )


async def fire(trigger):
    return [event.payload async for event in trigger.run()]


def run(task):
    """Run the sensor to its end, through the triggerer's part where it defers; give what it returns."""
    try:
        return task.execute({})
    except TaskDeferred as deferred:
        path, arguments = deferred.trigger.serialize()
        assert path == "airflow_provider_sam.triggers.batch.SamBatchTrigger"
        (payload,) = asyncio.run(fire(SamBatchTrigger(**arguments)))
        return task.resume_execution(deferred.method_name, {"event": payload}, {})


both_modes = pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferrable"])


@both_modes
def test_the_end_of_a_batch_ends_the_wait_with_its_counts(sam, create, deferrable):
    sam.progress = AfterLooks(3)
    batch_id = create()
    assert run(sensor(batch_id, deferrable=deferrable)) == [
        {
            "id": batch_id,
            "processing_status": "ended",
            "processing": 0,
            "succeeded": 5,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        }
    ]


@both_modes
def test_several_batches_are_waited_for_until_the_last_has_ended(sam, create, deferrable):
    first, second = create(), create()
    sam.end_batch(first)
    sam.progress = AfterLooks(3)
    assert [batch["id"] for batch in run(sensor([first, second], deferrable=deferrable))] == [first, second]
    retrieved = [request.path.rpartition("/")[2] for request in sam.requests if request.method == "GET"]
    assert retrieved.count(first) < retrieved.count(second), "an ended batch is not looked at again in the same wait"


@both_modes
def test_an_empty_list_is_nothing_to_wait_for_and_nothing_at_all_is_an_error(sam, deferrable):
    assert run(sensor([], deferrable=deferrable)) == []
    assert not sam.requests
    with pytest.raises(SamRequestError, match="got None"):
        run(sensor(None, deferrable=deferrable))


def test_a_batch_that_has_ended_already_is_not_deferred(sam, create):
    batch_id = create()
    sam.end_batch(batch_id)
    assert sensor(batch_id, deferrable=True).execute({})[0]["succeeded"] == 5


def test_a_deferral_carries_ids_and_a_moment_and_no_key(sam, create):
    batch_id = create()
    before = time.time()
    with pytest.raises(TaskDeferred) as deferred:
        sensor(batch_id, deferrable=True, timeout=3600, poke_interval=30).execute({})
    _, arguments = deferred.value.trigger.serialize()
    deadline = arguments.pop("deadline")
    assert before + 3600 <= deadline <= time.time() + 3600
    assert arguments == {
        "batch_ids": [batch_id],
        "sam_conn_id": "sam_default",
        "poll_interval": 30.0,
        "cancel_on_kill": False,
        "visibility_timeout": 900.0,
        "seen": [batch_id],
        "deferral": None,
    }
    assert deferred.value.timeout.total_seconds() > 3600, "Airflow's own limit is an outer one"
    assert sam.api_key not in repr(deferred.value)


@both_modes
@pytest.mark.parametrize(
    "effect",
    [Status(404), Status(500), Status(503, body="<html>"), Status(429, retry_after=0), Drop(), Drop(reset=True)],
    ids=["404", "500", "503", "429", "dropped", "reset"],
)
def test_trouble_on_the_way_is_waited_out(sam, create, deferrable, effect):
    sam.progress = AfterLooks(2)
    batch_id = create()
    sam.faults.add(Fault(effect, operation="messages_batches_retrieve", times=2))
    assert run(sensor(batch_id, deferrable=deferrable))[0]["succeeded"] == 5


@both_modes
@pytest.mark.parametrize("status", [401, 402, 403, 302, 400, 425])
def test_a_refusal_that_passes_ends_no_wait(sam, create, deferrable, status):
    sam.progress = AfterLooks(2)
    batch_id = create()
    sam.faults.add(Fault(Status(status), operation="messages_batches_retrieve", times=2))
    assert run(sensor(batch_id, deferrable=deferrable))[0]["succeeded"] == 5


@both_modes
def test_a_refusal_that_stands_ends_the_wait(sam, create, deferrable, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.batches.wait.pacing.REFUSAL_STANDS", 0.3)
    batch_id = create()
    sam.faults.add(Fault(Status(401), operation="messages_batches_retrieve", times=None))
    with pytest.raises(SamWaitError, match="401"):
        run(sensor(batch_id, deferrable=deferrable))


@both_modes
@pytest.mark.usefixtures("sam")
def test_a_batch_that_was_never_there_ends_the_wait_with_a_word_about_the_key(deferrable):
    with pytest.raises(SamWaitError, match="Does the key belong to the workspace of this batch"):
        run(sensor("msgbatch_elsewhere", deferrable=deferrable, visibility_timeout=0.3))


@both_modes
def test_a_batch_that_was_seen_once_may_hide_for_long(sam, create, deferrable):
    batch_id = create()
    sam.faults.add(Fault(Status(404), operation="messages_batches_retrieve", nth=2, times=None))
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(batch_id, deferrable=deferrable, visibility_timeout=0.1, timeout=1))


def test_a_connection_that_cannot_be_read_for_a_while_is_waited_for_on_the_worker(sam, create, monkeypatch):
    sam.progress = AfterLooks(2)
    batch_id, tries = create(), []

    def connect(conn_id):
        tries.append(conn_id)
        if 1 < len(tries) < 4:
            raise LookupError("the vault is sealed")
        return SamHook.__mro__[1].get_connection(conn_id)

    monkeypatch.setattr(SamHook, "get_connection", staticmethod(connect))
    assert run(sensor(batch_id, deferrable=False))[0]["succeeded"] == 5
    assert len(tries) == 4


@both_modes
def test_a_connection_that_does_not_exist_fails_the_task_at_once(deferrable):
    with pytest.raises(Exception, match="sam_missing"):
        sensor("msgbatch_1", deferrable=deferrable, sam_conn_id="sam_missing").execute({})


@pytest.mark.parametrize("fault", [Delay(120), Slow(chunk_bytes=1, pause=0.5)], ids=["hangs", "drips"])
def test_a_blocking_wait_on_a_server_that_hangs_or_drips_ends_about_in_time(sam, create, fault):
    batch_ids = [create(), create()]
    sam.faults.add(Fault(fault, operation="messages_batches_retrieve", times=None))
    began = time.monotonic()
    with pytest.raises(AirflowSensorTimeout):
        sensor(batch_ids, deferrable=False, timeout=2, poke_interval=60).execute({})
    assert time.monotonic() - began < 40, "one answer is waited for no longer than the task may take"


@both_modes
@pytest.mark.parametrize(("soft_fail", "raised"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_a_wait_that_takes_too_long_times_out_or_skips(create, deferrable, soft_fail, raised):
    with pytest.raises(raised):
        run(sensor(create(), deferrable=deferrable, timeout=0.05, soft_fail=soft_fail))


@both_modes
@pytest.mark.parametrize(
    ("arguments", "raised"),
    [
        ({}, SamBatchFailedError),
        ({"on_canceled": "skip"}, AirflowSkipException),
        ({"soft_fail": True}, AirflowSkipException),
    ],
    ids=["fail", "skip", "soft_fail"],
)
@pytest.mark.parametrize("looks", [1, 3], ids=["at once", "later"])
def test_a_batch_canceled_before_anything_ran_fails_or_skips(sam, create, deferrable, arguments, raised, looks):
    batch_id = create()
    with SamHook().client as client:
        client.cancel_batch(batch_id)
    sam.progress = AfterLooks(looks)
    with pytest.raises(raised):
        run(sensor(batch_id, deferrable=deferrable, **arguments))


@both_modes
def test_a_canceled_batch_may_count_as_a_success(sam, create, deferrable):
    batch_id = create()
    with SamHook().client as client:
        client.cancel_batch(batch_id)
    sam.progress = AfterLooks(3)
    assert run(sensor(batch_id, deferrable=deferrable, on_canceled="succeed"))[0]["canceled"] == 5


@pytest.mark.parametrize(
    "event", [None, {}, "success", ["ended"], 1, {"status": "success"}, {"version": 1, "outcome": "ended"}]
)
def test_an_event_that_is_missing_or_unknown_is_never_a_success(event):
    with pytest.raises(SamWaitError):
        sensor("msgbatch_1", deferrable=True).execute_complete({}, event)


@pytest.mark.parametrize(("configured", "deferrable"), [("True", True), ("False", False)])
def test_deferrable_is_as_airflow_is_configured_by_default(monkeypatch, configured, deferrable):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", configured)
    assert SamBatchSensor(task_id="wait", batch_id="msgbatch_1").deferrable is deferrable

"""A wait that is given up ends as Airflow says, in both modes, and cancels what it was told to cancel."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)

from airflow_provider_sam._compat import TRIGGERS_HEAR_KILLS
from airflow_provider_sam._compat.triggerers import TriggererHealth
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.wait.deferral import XCOM_KEY as XCOM_OF_DEFERRAL
from airflow_provider_sam.emulator import AfterLooks, Fault, OnDemand, Status
from airflow_provider_sam.exceptions import SamBatchFailedError, SamWaitError
from airflow_provider_sam.links.batch import XCOM_KEY
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.sensors.deferring import AIRFLOW_TIMED_OUT, GUARD
from tests.triggers.database import rebuilt

BOTH_MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferred"])


@pytest.fixture
def client(sam):
    with SamClient(ClientSettings(base_url=sam.url, api_key=sam.api_key)) as client:
        yield client


@pytest.fixture
def batch_ids(sam, client, requests):
    """Two batches that go on until they are told to end."""
    sam.progress = OnDemand()
    return [client.create_batch(requests).id for _ in range(2)]


@pytest.fixture
def context():
    """As much of a task's context as the sensor reads."""
    ti = SimpleNamespace(start_date=datetime.now(UTC), xcoms={}, try_number=2, max_tries=3)
    ti.xcom_push = lambda key, value: ti.xcoms.update({key: value})
    return {"ti": ti}


@pytest.fixture
def said(monkeypatch, caplog):
    """What the task's log says; Airflow's own loggers write past pytest."""
    monkeypatch.setattr(SamBatchSensor, "log", logging.getLogger("task"))
    caplog.set_level(logging.INFO, "task")
    return caplog


def sensor_for(batch_id, **changes):
    return SamBatchSensor(**{"task_id": "wait", "batch_id": batch_id, "poke_interval": 0.1, "timeout": 60} | changes)


def run(sensor, context):
    """Run a task as a worker and a triggerer do it together: Airflow keeps the trigger in its database in between."""
    try:
        return sensor.execute(context)
    except TaskDeferred as deferral:
        resumed = sensor_for(sensor.batch_id, **{name: getattr(sensor, name) for name in KEPT})
        kwargs = {**(deferral.kwargs or {}), "event": asyncio.run(first_event(rebuilt(deferral.trigger)))}
        return resumed.resume_execution(deferral.method_name, kwargs, context)


async def first_event(trigger):
    return (await anext(aiter(trigger.run()))).payload


KEPT = (
    "deferrable",
    "timeout",
    "soft_fail",
    "never_fail",
    "execution_timeout",
    "on_canceled",
    "cancel_on_timeout",
    "cancel_on_kill",
)


@BOTH_MODES
def test_a_timeout_fails_as_every_sensor_s_and_touches_no_batch(sam, batch_ids, context, deferrable):
    with pytest.raises(AirflowSensorTimeout):
        run(sensor_for(batch_ids, deferrable=deferrable, timeout=0.3), context)
    assert sam.count("messages_batches_cancel") == 0


@BOTH_MODES
@pytest.mark.parametrize(
    ("options", "raised"),
    [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)],
)
def test_a_timeout_cancels_what_has_not_ended_where_asked(sam, batch_ids, context, deferrable, options, raised):
    sam.end_batch(batch_ids[0])
    with pytest.raises(raised):
        run(sensor_for(batch_ids, deferrable=deferrable, timeout=0.3, cancel_on_timeout=True, **options), context)
    assert [batch.status for batch in sam.batches] == ["ended", "canceling"]
    assert sam.count("messages_batches_cancel") == 1


def test_a_batch_that_was_never_seen_is_canceled_too(sam, batch_ids, context):
    sam.faults.add(Fault(Status(404), operation="messages_batches_retrieve", times=None))
    sam.faults.add(Fault(Status(404), operation="messages_batches_list", times=None))
    with pytest.raises(AirflowSensorTimeout, match="no batch was ever seen"):
        run(sensor_for(batch_ids, deferrable=True, timeout=0.3, cancel_on_timeout=True), context)
    assert {batch.status for batch in sam.batches} == {"canceling"}


@pytest.mark.parametrize(
    ("options", "raised", "killed_by_airflow"),
    [
        ({}, AirflowTaskTimeout, True),
        ({"soft_fail": True}, AirflowSkipException, False),
        ({"never_fail": True}, AirflowSkipException, False),
    ],
)
def test_execution_timeout_counts_the_wait_in_the_triggerer(
    sam, batch_ids, context, options, raised, killed_by_airflow
):
    limit = timedelta(seconds=0.5)
    sensor = sensor_for(batch_ids, deferrable=True, execution_timeout=limit, cancel_on_kill=True, **options)
    with pytest.raises(raised):
        run(sensor, context)
    if killed_by_airflow:  # it does so for whatever raises this error
        sensor.on_kill()
    assert {batch.status for batch in sam.batches} == {"canceling"}


def test_the_deadline_is_that_of_the_nearer_limit_and_counts_from_the_task_s_start(batch_ids, context):
    context["ti"].start_date -= timedelta(seconds=50)
    sensor = sensor_for(batch_ids, deferrable=True, timeout=3600, execution_timeout=timedelta(seconds=300))
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    assert deferral.value.kwargs == {"limit": "execution_timeout"}
    assert deferral.value.trigger.deadline == context["ti"].start_date.timestamp() + 300
    assert abs(deferral.value.timeout.total_seconds() - (250 + GUARD)) < 10, "Airflow's own limit comes later"


@pytest.mark.parametrize("said_by_airflow", sorted(AIRFLOW_TIMED_OUT))
@pytest.mark.parametrize(
    ("options", "raised", "canceled"),
    [
        ({}, AirflowSensorTimeout, False),
        ({"cancel_on_timeout": True}, AirflowSensorTimeout, True),
        ({"cancel_on_timeout": True, "soft_fail": True}, AirflowSkipException, True),
        ({"execution_timeout": timedelta(seconds=30)}, AirflowTaskTimeout, False),
        (
            {"execution_timeout": timedelta(seconds=30), "soft_fail": True, "cancel_on_kill": True},
            AirflowSkipException,
            True,
        ),
        ({"execution_timeout": timedelta(seconds=90), "cancel_on_timeout": True}, AirflowSensorTimeout, True),
    ],
)
def test_a_wait_that_no_triggerer_ended_is_ended_by_airflow_and_says_so(
    sam, batch_ids, context, options, raised, canceled, said_by_airflow
):
    sensor = sensor_for(batch_ids, deferrable=True, **options)
    with pytest.raises(raised) as ended:
        sensor.resume_execution("__fail__", {"error": said_by_airflow}, context)
    assert "no triggerer ended the wait" in f"{ended.value} {ended.value.__cause__}"
    assert {batch.status for batch in sam.batches} == {"canceling" if canceled else "in_progress"}


def test_a_trigger_that_failed_is_no_timeout(sam, batch_ids, context):
    sensor = sensor_for(batch_ids, deferrable=True, cancel_on_timeout=True)
    with pytest.raises(Exception, match="Trigger failure"):
        sensor.resume_execution("__fail__", {"error": "Trigger failure"}, context)
    assert sam.count("messages_batches_cancel") == 0


@pytest.mark.parametrize("cancel_on_kill", [False, True])
def test_a_kill_on_the_worker_cancels_where_asked_and_says_so(sam, batch_ids, context, said, cancel_on_kill):
    sensor = sensor_for(batch_ids, cancel_on_kill=cancel_on_kill)
    assert not sensor.poke(context).is_done
    sensor.on_kill()
    assert {batch.status for batch in sam.batches} == {"canceling" if cancel_on_kill else "in_progress"}
    assert ("Asked to cancel" if cancel_on_kill else "its batches keep running") in said.text


def test_a_deferred_wait_carries_whether_a_kill_cancels(batch_ids, context):
    with pytest.raises(TaskDeferred) as deferral:
        sensor_for(batch_ids, deferrable=True, cancel_on_kill=True).execute(context)
    trigger = deferral.value.trigger
    assert trigger.cancel_on_kill
    left = {XCOM_OF_DEFERRAL: trigger.deferral} if TRIGGERS_HEAR_KILLS else {}
    assert context["ti"].xcoms == left
    assert trigger.deferral == ({"try_number": 2, "max_tries": 3, "failed": False} if TRIGGERS_HEAR_KILLS else None)


@BOTH_MODES
@pytest.mark.parametrize(
    ("on_canceled", "raised"), [("fail", SamBatchFailedError), ("skip", AirflowSkipException), ("succeed", None)]
)
def test_a_fully_canceled_batch_means_what_was_chosen(sam, client, batch_ids, context, deferrable, on_canceled, raised):
    client.cancel_batch(batch_ids[0])
    if not deferrable:
        sam.end_batch(batch_ids[0])
    else:
        sam.progress = AfterLooks(2)
    sensor = sensor_for(batch_ids[0], deferrable=deferrable, on_canceled=on_canceled, cancel_on_timeout=True)
    if raised is None:
        assert run(sensor, context)[0]["canceled"] == 5
    else:
        with pytest.raises(raised):
            run(sensor, context)
    assert sam.count("messages_batches_cancel") == 1


def test_an_error_in_the_triggerer_fails_the_task_with_its_reason(sam, batch_ids, context, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.batches.wait.pacing.REFUSAL_STANDS", 0.2)
    sam.faults.add(Fault(Status(401, message="who are you"), nth=3, times=None))
    with pytest.raises(SamWaitError, match="who are you"):
        run(sensor_for(batch_ids, deferrable=True), context)


def test_an_event_from_before_the_limits_were_told_apart_still_times_out(context):
    event = {"version": 1, "outcome": "timeout", "batches": [], "message": ""}
    with pytest.raises(AirflowSensorTimeout):
        sensor_for("msgbatch_1").execute_complete(context, event=event)


def test_it_leaves_a_link_to_the_batch_where_the_connection_has_a_console(sam, batch_ids, context, monkeypatch):
    console = sam.connection_json[:-1] + ', "extra": {"console_url": "https://console.example/batches/{batch_id}"}}'
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", console)
    sensor_for(batch_ids).poke(context)
    assert context["ti"].xcoms == {XCOM_KEY: f"https://console.example/batches/{batch_ids[0]}"}


def test_it_leaves_no_link_without_a_console(batch_ids, context):
    sensor_for(batch_ids).poke(context)
    assert context["ti"].xcoms == {}


@pytest.mark.parametrize("status", ["unhealthy", "healthy"])
def test_a_deferral_says_if_no_triggerer_is_running(batch_ids, context, said, monkeypatch, status):
    health = TriggererHealth(status=status, latest_heartbeat="2026-11-25T14:00:03+00:00")
    monkeypatch.setattr("airflow_provider_sam.hooks.triggerers.triggerer_health", lambda: health)
    with pytest.raises(TaskDeferred):
        sensor_for(batch_ids, deferrable=True).execute(context)
    assert said.text.count("No triggerer is running") == (status == "unhealthy")
    with pytest.raises(AirflowSensorTimeout, match="no triggerer ended the wait") as ended:
        sensor_for(batch_ids, deferrable=True).resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert ("No triggerer is running" in str(ended.value)) is (status == "unhealthy")

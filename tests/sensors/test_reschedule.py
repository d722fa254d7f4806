"""A wait in `mode="reschedule"` knows what its earlier pokes saw, where Airflow keeps a state for the task."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from airflow_provider_sam.emulator import Fault, OnDemand, Status
from airflow_provider_sam.exceptions import SamWaitError
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.sensors.batch import SamBatchSensor

SEALED = LookupError("the vault is sealed")


class Store:
    """Stands for the state that Airflow 3.3 keeps for a task; values cross as JSON."""

    def __init__(self):
        self.held, self.writes, self.problem = {}, 0, None

    def get(self, key):
        if self.problem:
            raise self.problem
        return json.loads(self.held[key]) if key in self.held else None

    def set(self, key, value, *, retention):
        if self.problem:
            raise self.problem
        assert retention.days >= 1
        self.held[key], self.writes = json.dumps(value), self.writes + 1

    def pass_time(self, seconds):
        """Let so much time pass between two pokes."""
        kept = json.loads(self.held["sam_wait"])
        for trouble in kept["looks"]["troubles"]:
            trouble[-1] -= seconds
        self.held["sam_wait"] = json.dumps(kept)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def batch_id(sam, requests):
    sam.progress = OnDemand()
    with SamHook().client as client:
        return client.create_batch(requests).id


def poke(store, batch_id, try_number=1, **arguments):
    """Poke once, in a process of its own."""
    sensor = SamBatchSensor(
        task_id="wait", batch_id=batch_id, deferrable=False, mode="reschedule", poke_interval=0.01, **arguments
    )
    context = {"ti": SimpleNamespace(try_number=try_number), "task_state_store": store}
    return sensor.poke(context).is_done


@pytest.mark.usefixtures("sam")
def test_a_batch_that_was_never_there_ends_the_wait_after_the_visibility_timeout(store):
    for _ in range(3):
        assert not poke(store, "msgbatch_elsewhere")
        store.pass_time(400)
    with pytest.raises(SamWaitError, match="Does the key belong to the workspace of this batch"):
        poke(store, "msgbatch_elsewhere")


def test_a_batch_that_was_seen_once_may_hide_for_long(sam, store, batch_id):
    assert not poke(store, batch_id)
    sam.faults.add(Fault(Status(404), operation="messages_batches_retrieve", times=2))
    for _ in range(2):
        assert not poke(store, batch_id)
        store.pass_time(3600)
    sam.end_batch(batch_id)
    assert poke(store, batch_id)


@pytest.fixture
def refused(sam):
    sam.faults.add(Fault(Status(401), operation="messages_batches_retrieve", times=None))


@pytest.mark.usefixtures("refused")
def test_a_refusal_ends_the_wait_once_it_has_stood_for_five_minutes(store, batch_id):
    assert not poke(store, batch_id)
    store.pass_time(200)
    assert not poke(store, batch_id)
    store.pass_time(200)
    with pytest.raises(SamWaitError, match="401"):
        poke(store, batch_id)


@pytest.mark.usefixtures("refused")
def test_a_refusal_that_passed_counts_no_more(sam, store, batch_id):
    assert not poke(store, batch_id)
    store.pass_time(200)
    sam.faults.clear()
    assert not poke(store, batch_id)
    sam.faults.add(Fault(Status(401), operation="messages_batches_retrieve", times=None))
    assert not poke(store, batch_id)
    store.pass_time(200)
    assert not poke(store, batch_id)


def test_a_connection_that_could_be_read_once_may_be_away_for_a_while(store, batch_id, monkeypatch):
    def away(_):
        raise SEALED

    with monkeypatch.context() as vault:
        vault.setattr(SamHook, "get_connection", staticmethod(away))
        with pytest.raises(LookupError):
            poke(store, batch_id, try_number=1)
    assert not poke(store, batch_id, try_number=2)
    monkeypatch.setattr(SamHook, "get_connection", staticmethod(away))
    assert not poke(store, batch_id, try_number=2)
    with pytest.raises(LookupError):
        poke(store, batch_id, try_number=3)


def test_what_has_not_changed_is_not_written_again(store, batch_id):
    for _ in range(3):
        assert not poke(store, batch_id)
    assert store.writes == 1


@pytest.mark.usefixtures("refused")
def test_a_retry_counts_anew(store, batch_id):
    assert not poke(store, batch_id)
    store.pass_time(400)
    assert not poke(store, batch_id, try_number=2)


@pytest.mark.parametrize("broken", [None, "away", {"sam_wait": "[]"}, {"sam_wait": '{"try_number": 1, "looks": 5}'}])
def test_no_wait_fails_because_nothing_is_remembered(sam, store, batch_id, broken):
    if broken == "away":
        store.problem = ConnectionError("the API server is away")
    else:
        store.held = broken or {}
    assert not poke(store if broken else None, batch_id)
    sam.end_batch(batch_id)
    assert poke(store if broken else None, batch_id)

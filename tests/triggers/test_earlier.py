"""A trigger that an earlier version has stored runs to its event."""

from __future__ import annotations

import pkgutil

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_sam.batches.wait.deferral import Deferral
from airflow_provider_sam.emulator import AfterLooks, ChosenId, Fault, OnDemand
from airflow_provider_sam.hooks.sam import SamHook
from tests.earlier import BATCH_ID, EARLIER
from tests.triggers.airflow import held_by_airflow

WAITS = {name: stored for name, stored in EARLIER["triggers"].items() if name != "watcher"}


@pytest.fixture
def _batch(sam, requests):
    """The batch that the triggers wait for, which ends when it was looked at."""
    sam.progress = AfterLooks(2)
    sam.faults.add(Fault(ChosenId(BATCH_ID), operation="messages_batches_create"))
    with SamHook().client as client:
        client.create_batch(requests)


def loaded(stored):
    """Return a trigger as a triggerer makes it from Airflow's database."""
    row = Trigger(**stored)
    return held_by_airflow(pkgutil.resolve_name(row.classpath)(**row.kwargs))


@pytest.mark.usefixtures("_batch", "airflow")
@pytest.mark.parametrize("name", WAITS)
async def test_a_stored_wait_runs_to_its_event(name):
    (event,) = [event.payload async for event in loaded(WAITS[name]).run()]
    assert event["outcome"] == "ended"
    assert [(batch["id"], batch["succeeded"]) for batch in event["batches"]] == [(BATCH_ID, 5)]


@pytest.mark.usefixtures("_batch")
async def test_a_stored_wait_still_cancels_on_a_kill_and_knows_its_deferral(sam, airflow):
    sam.progress = OnDemand()
    airflow.state, airflow.latest = "failed", Deferral(try_number=1, max_tries=0)
    await loaded(WAITS["wait with all"]).on_kill()
    assert sam.batches[0].status == "canceling"


@pytest.mark.parametrize("name", WAITS)
def test_a_stored_wait_is_stored_again_as_it_was(name):
    path, kwargs = loaded(WAITS[name]).serialize()
    stored = WAITS[name]
    assert path == stored["classpath"]
    assert kwargs | stored["kwargs"] == kwargs

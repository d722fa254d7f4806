"""A wait that begins in the triggerer waits for what its templates give, and says so where they give no batch."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator import AfterLooks, OnDemand
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.triggers.start import SamBatchStartTrigger
from tests.triggers.airflow import held_by_airflow


@pytest.fixture
def batch_ids(sam, requests):
    """Two batches that end when they were looked at."""
    sam.progress = AfterLooks(2)
    with SamHook().client as client:
        return [client.create_batch(requests).id for _ in range(2)]


def trigger(batch_id, **arguments):
    return SamBatchStartTrigger(batch_id=batch_id, **{"poll_interval": 0.01, **arguments})


async def events(waiting):
    return [event.payload async for event in waiting.run()]


def test_a_trigger_is_rebuilt_from_what_it_serializes():
    path, arguments = trigger("{{ batch }}", sam_conn_id="other", cancel_on_kill=True).serialize()
    assert path == "airflow_provider_sam.triggers.start.SamBatchStartTrigger"
    assert SamBatchStartTrigger(**arguments).serialize() == (path, arguments)
    assert arguments["batch_id"] == "{{ batch }}"


@pytest.mark.parametrize("rendered", [list, str, tuple], ids=["a list", "the text of a list", "a tuple"])
async def test_several_batches_are_waited_for_however_they_were_rendered(batch_ids, rendered):
    (event,) = await events(trigger(rendered(batch_ids)))
    assert event["outcome"] == "ended"
    assert [batch["id"] for batch in event["batches"]] == batch_ids


async def test_one_batch_is_waited_for(batch_ids):
    (event,) = await events(trigger(batch_ids[0]))
    assert [batch["id"] for batch in event["batches"]] == batch_ids[:1]


@pytest.mark.parametrize("rendered", ["", "None", "[broken", "['']"])
async def test_what_names_no_batch_ends_the_wait_with_a_word_about_it(rendered):
    (event,) = await events(trigger(rendered))
    assert event["outcome"] == "error"
    assert "batch_id" in event["message"]


@pytest.mark.parametrize("rendered", ["[]", []])
async def test_an_empty_list_is_nothing_to_wait_for(rendered):
    (event,) = await events(trigger(rendered))
    assert (event["outcome"], event["batches"]) == ("ended", [])


@pytest.mark.usefixtures("airflow")
async def test_a_kill_cancels_what_the_templates_gave(sam, batch_ids):
    sam.progress = OnDemand()
    await held_by_airflow(trigger(str(batch_ids), cancel_on_kill=True)).on_kill()
    assert [batch.status for batch in sam.batches] == ["canceling", "canceling"]

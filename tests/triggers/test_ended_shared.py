"""Watchers with one connection share one poll in Airflow 3.3's own shared stream, and each tells for itself."""

from __future__ import annotations

import pytest
from airflow.triggers.shared_stream import SharedStreamManager

from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.triggers.ended import SamBatchEndedTrigger
from tests.triggers.watching import StateStore, ids, next_look, telling
from tests.waiting import reached


@pytest.fixture
async def manager():
    """What runs shared streams in a triggerer."""
    manager = SharedStreamManager()
    yield manager
    await manager.stop_all()


@pytest.fixture
def connected(monkeypatch):
    """The clients that were made of the connection."""
    clients, connect = [], SamHook.async_client

    async def counted(hook):
        clients.append(await connect(hook))
        return clients[-1]

    monkeypatch.setattr(SamHook, "async_client", counted)
    return clients


def subscribed(manager, number, store=None, **arguments):
    """Let a trigger take part as the triggerer does."""
    trigger = SamBatchEndedTrigger(**({"poll_interval": 0.3} | arguments))
    trigger.asset_state_store = store
    return trigger.filter_shared_stream(
        manager.subscribe(trigger_id=number, trigger=trigger, key=trigger.shared_stream_key())
    )


@pytest.mark.parametrize(
    ("arguments", "shared"),
    [({"min_succeeded": 1}, True), ({"poll_interval": 5.0}, False), ({"sam_conn_id": "sam_eu"}, False)],
)
def test_watchers_of_one_workspace_at_one_pace_share_a_poll(arguments, shared):
    keys = {SamBatchEndedTrigger(**each).shared_stream_key() for each in ({}, arguments)}
    assert (len(keys) == 1) is shared


async def test_watchers_share_their_requests_and_each_tells_what_it_is_asked_for(sam, manager, create, connected):
    async with (
        telling(subscribed(manager, 1), sam) as all_ends,
        telling(subscribed(manager, 2, min_succeeded=6), sam) as few,
        telling(subscribed(manager, 3, min_succeeded=5), sam) as good,
    ):
        poor, rich = create(), create()
        sam.end_batch(poor, {"row-0": "errored"})
        sam.end_batch(rich)
        await reached(lambda: good and len(all_ends) == 2)
        await next_look(sam)
    assert (ids(all_ends), ids(good), few) == ([poor, rich], [rich], [])
    assert len(connected) == 1


async def test_a_watcher_that_joins_a_running_stream_tells_of_what_it_missed(sam, manager, create):
    store, batch_id = StateStore(), create()
    async with telling(subscribed(manager, 1), sam):
        async with telling(subscribed(manager, 2, store, min_succeeded=1), sam):
            pass
        sam.end_batch(batch_id)
        await next_look(sam)
        async with telling(subscribed(manager, 3, store, min_succeeded=1), sam) as told:
            await reached(lambda: told)
    assert ids(told) == [batch_id]

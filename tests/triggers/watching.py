"""A watcher's trigger at work, as a triggerer runs it, and the state that Airflow keeps for an asset."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from tests.waiting import reached

LIST = "messages_batches_list"


class StateStore(dict):
    """Stands for Airflow's accessor of an asset's state, which stores JSON."""

    async def aget(self, key):
        return json.loads(self[key]) if key in self else None

    async def aset(self, key, value):
        self[key] = json.dumps(value)


class NoSingleStore:
    """Stands for Airflow's accessor where the trigger watches for several assets."""

    async def aget(self, key):
        raise ValueError(f"2 assets, one {key}")

    aset = None


@asynccontextmanager
async def telling(events, emulator):
    """Run a trigger from its first look on, and give a list that grows by each batch that it tells of."""
    before, told = emulator.count(LIST, status=200), []

    async def listen():
        async for event in events:
            told.extend(event.payload["batches"])

    task = asyncio.create_task(listen())
    try:
        await next_look(emulator, before)
        yield told
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def next_look(emulator, before=None):
    """Wait until a look that began from now on has been taken in."""
    before = emulator.count(LIST, status=200) if before is None else before
    await reached(lambda: emulator.count(LIST, status=200) >= before + 3)


def ids(told):
    return [payload["id"] for payload in told]

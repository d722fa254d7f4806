"""Waiting for what another thread or process does."""

from __future__ import annotations

import asyncio


async def reached(condition, within=30.0):
    """Wait until `condition()` is true; no test depends on that being soon.

    :param within: seconds after which waiting would be of no use
    """
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - it is in another thread
            await asyncio.sleep(0.01)

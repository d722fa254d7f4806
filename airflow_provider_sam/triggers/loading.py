"""Loads what a trigger works with beside the triggerer's event loop, which httpx and its kin would block for long."""

from __future__ import annotations

import asyncio
import importlib

CLIENT = (
    "airflow_provider_sam.api.client",
    "airflow_provider_sam.api.settings",
    "airflow_provider_sam.hooks.sam",
)
"""What asks the API."""

WAITS = (
    *CLIENT,
    "airflow_provider_sam.batches.wait.cancel",
    "airflow_provider_sam.batches.ids",
    "airflow_provider_sam.batches.wait.poller",
    "airflow_provider_sam.batches.wait.watch",
    "airflow_provider_sam.triggers.kills",
)
"""What a wait works with."""

WATCHERS = (*CLIENT, "airflow_provider_sam.batches.wait.watcher_state", "airflow_provider_sam.batches.wait.workspace")
"""What a watcher works with."""

_loaded: set[str] = set()


async def loaded(modules: tuple[str, ...]) -> None:
    """Import modules in a thread, unless that has been done; after this, importing them takes no time.

    Not `sys.modules` is asked: what a thread has begun to import is in there too, and would hold up the loop.
    """
    missing = [name for name in modules if name not in _loaded]
    if missing:
        await asyncio.to_thread(_load, missing)
        _loaded.update(missing)


def _load(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    # httpx speaks through anyio, which loads what it needs for asyncio at its first use.
    anyio = importlib.import_module("anyio")
    anyio.run(anyio.sleep, 0)

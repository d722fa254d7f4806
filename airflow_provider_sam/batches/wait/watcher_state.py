"""What a watcher has reported outlives its process where Airflow keeps a state for the asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam.batches.wait.ended import SeenBatches

if TYPE_CHECKING:
    from airflow_provider_sam.batches.progress import Logger


class AssetStateStore(Protocol):
    """What is used of Airflow's accessor; its state belongs to one asset."""

    async def aget(self, key: str) -> Any:
        """Return the value, or None."""

    async def aset(self, key: str, value: Any) -> None:
        """Write the value."""


class AssetMemory:
    """Remembers what one watcher has reported, as far as it can.

    :param store: the asset's state store, which Airflow gives to triggers from 3.3 on; None where there is none.
    :param key: the watcher's name in it.
    """

    def __init__(self, store: AssetStateStore | None, key: str, *, log: Logger) -> None:
        self._store = store
        self._key = key
        self._log = log
        self._saved: SeenBatches | None = None

    async def load(self) -> SeenBatches | None:
        """Return what was saved last, by whatever process; None where nothing was."""
        if self._store is None:
            return None
        try:
            stored = await self._store.aget(self._key)
        except ValueError as problem:
            # Watchers with the same arguments are one trigger to Airflow; with several assets, no store is the one.
            self._log.warning(
                "This watcher cannot store its state, so a restart may miss batches that end meanwhile: %s", problem
            )
            self._store = None
            return None
        self._saved = SeenBatches.load(stored) if stored else None
        return self._saved

    async def save(self, seen: SeenBatches) -> None:
        """Save it, if it is not what was saved last."""
        if self._store is None or seen == self._saved:
            return
        await self._store.aset(self._key, seen.dump())
        self._saved = seen

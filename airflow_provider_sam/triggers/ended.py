"""Lets a Dag run when a batch ends: a watcher of a whole workspace, which no task waits for."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseEventTrigger, TriggerEvent
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.triggers.loading import WATCHERS, loaded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterable, Mapping

    from airflow_provider_sam.batches.wait.ended import EndedBatch


def ended_batches(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the batches whose ends started a run, each once, from the run's `triggering_asset_events`.

    Airflow may gather several events into one run, and an end may be reported again. Other events of the same assets,
    such as those that a person creates by hand, are passed over.

    :return: for each batch what `SamBatchEndedTrigger` tells of it, in the order of the ends.
    """
    from airflow_provider_sam.batches.wait.ended import batches_of

    found: dict[str, dict[str, Any]] = {}
    for events in triggering_asset_events.values():
        for event in events:
            found |= {batch["id"]: batch for batch in batches_of((event.extra or {}).get("payload") or {})}
    return sorted(found.values(), key=lambda batch: (str(batch.get("ended_at")), batch["id"]))


class SamBatchEndedTrigger(BaseEventTrigger):
    """Fires an event for each look that shows batches of the connection's workspace that ended; for an `AssetWatcher`.

    Needs Airflow 3.0 or newer. From 3.3 on, all watchers with the same connection and interval share one poll, and what
    was reported is remembered in the asset's state store, so that it outlives a restart of the triggerer.

    :param sam_conn_id: the connection. Default: `sam_default`.
    :param poll_interval: seconds from one look at the workspace to the next. Default: 60.
    :param min_succeeded: how many requests of a batch must have succeeded for it to be reported. 1 leaves out what was
        canceled or failed as a whole. Default: 0, each batch is reported.
    :raises AirflowOptionalProviderFeatureException: this Airflow is older than 3.0.

    The event's payload has one key, `batches`: for each batch its `id`, `processing_status` and counts, whether it was
    asked to cancel (`cancel_initiated`), and `created_at` and `ended_at` in ISO 8601. `ended_batches` reads it.
    """

    def __init__(
        self, *, sam_conn_id: str = DEFAULT_CONN_ID, poll_interval: float = 60.0, min_succeeded: int = 0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sam_conn_id = sam_conn_id
        self.poll_interval = poll_interval
        self.min_succeeded = min_succeeded

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger elsewhere."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "sam_conn_id": self.sam_conn_id,
                "poll_interval": self.poll_interval,
                "min_succeeded": self.min_succeeded,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Say which triggers look at the same workspace at the same pace; Airflow 3.3 gives them one poll."""
        return (self.serialize()[0], self.sam_conn_id, self.poll_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: Mapping[str, Any]) -> AsyncGenerator[tuple[EndedBatch, ...], None]:
        """Give, look after look, all batches in sight that have ended.

        Each look gives them all, not only the new ones: a watcher that joins later, or comes back, misses nothing.
        """
        await loaded(WATCHERS)
        from airflow_provider_sam.batches.wait.workspace import poll_ended_batches
        from airflow_provider_sam.hooks.sam import SamHook

        connect = SamHook(kwargs["sam_conn_id"]).async_client
        async with aclosing(poll_ended_batches(connect, interval=kwargs["poll_interval"])) as stream:
            async for ended in stream:
                yield ended

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[tuple[EndedBatch, ...]]
    ) -> AsyncGenerator[TriggerEvent, None]:
        """Fire an event for the batches that this watcher has not reported yet, all in one.

        What was reported is remembered one look later, when Airflow has long stored the events: a triggerer that dies
        in between tells of them again, never not at all.
        """
        await loaded(WATCHERS)
        from airflow_provider_sam.batches.wait.ended import SeenBatches, event_of
        from airflow_provider_sam.batches.wait.watcher_state import AssetMemory

        # An asset may have several watchers; each remembers for itself.
        key = f"sam_batches_told:{self.sam_conn_id}:{self.min_succeeded}"
        memory = AssetMemory(getattr(self, "asset_state_store", None), key, log=self.log)
        seen = await memory.load()
        async for ended in shared_stream:
            if seen is None:  # it begins to watch: what has ended so far is no news
                seen = SeenBatches().with_seen(ended)
            await memory.save(seen)
            named, seen = seen.next_event(ended, min_succeeded=self.min_succeeded)
            if named:
                yield TriggerEvent(event_of(named))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Do the same with a poll of its own, where Airflow shares none."""
        async with (
            aclosing(self.open_shared_stream(self.serialize()[1])) as looks,
            aclosing(self.filter_shared_stream(looks)) as events,
        ):
            async for event in events:
                yield event

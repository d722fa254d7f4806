"""Waits for batches in the triggerer: nothing but ids crosses, and nothing here submits, publishes or blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseTrigger, TriggerEvent
from airflow_provider_sam.connection import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class SamBatchTrigger(BaseTrigger):
    """Fires one event when all batches have ended, when the deadline has passed, or when waiting makes no sense.

    :param batch_ids: the batches to wait for.
    :param deadline: when to give up, in seconds since the epoch. It is a moment, not a duration, so that it stays the
        same when the wait moves to another triggerer.
    :param sam_conn_id: the connection. Default: `sam_default`.
    :param poll_interval: seconds between two looks. Default: 60.

    The event's payload is `BatchEvent.dump()`.
    """

    def __init__(
        self,
        *,
        batch_ids: Sequence[str],
        deadline: float,
        sam_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_ids = list(batch_ids)
        self.deadline = deadline
        self.sam_conn_id = sam_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give the class path and the arguments that rebuild this trigger elsewhere."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "batch_ids": self.batch_ids,
                "deadline": self.deadline,
                "sam_conn_id": self.sam_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event. Being stopped or moved to another triggerer touches no batch."""
        from airflow_provider_sam.batches.polling import wait_until_ended
        from airflow_provider_sam.hooks.sam import SamHook

        async with await SamHook(self.sam_conn_id).async_client() as client:
            event = await wait_until_ended(
                client, self.batch_ids, poll_interval=self.poll_interval, deadline=self.deadline, log=self.log
            )
        yield TriggerEvent(event.dump())

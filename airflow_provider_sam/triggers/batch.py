"""Waits for batches in the triggerer: nothing but ids crosses, and nothing here submits, publishes or blocks."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseTrigger, TriggerEvent
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.triggers.loading import WAITS, loaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from airflow_provider_sam.batches.wait.deferral import Deferral

CANCEL_WITHIN = 20.0
"""Seconds that canceling may take when a task is killed; Airflow grants 30 by default."""


class SamBatchTrigger(BaseTrigger):
    """Fires one event when all batches have ended, when the deadline has passed, or when waiting makes no sense.

    All triggers of a triggerer that wait on the same connection share one client and one poll, see
    `batches.wait.poller`.

    :param batch_ids: the batches to wait for.
    :param deadline: when to give up, in seconds since the epoch. It is a moment, not a duration, so that it stays the
        same when the wait moves to another triggerer.
    :param sam_conn_id: the connection. Default: `sam_default`.
    :param poll_interval: seconds within which each batch is looked at. Default: 60.
    :param cancel_on_kill: whether the batches are canceled when a person marks the waiting task failed or succeeded,
        or clears it. Airflow tells a trigger so from 3.3 on; older versions never do. Default: no.
    :param visibility_timeout: seconds of nothing but 404 after which a batch counts as one that was never there, and
        the wait fails. None: a hidden batch is waited for until the deadline.
    :param seen: batches that were seen before; they are never taken for such.
    :param deferral: which deferral of the task the wait is, as `Deferral.dump` gives it.

    The event's payload is `BatchEvent.dump()`. Nothing else than a kill cancels anything: not the stop of the
    triggerer, not the move to another one, not the deadline.
    """

    def __init__(
        self,
        *,
        batch_ids: Sequence[str],
        deadline: float,
        sam_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        cancel_on_kill: bool = False,
        visibility_timeout: float | None = None,
        seen: Sequence[str] = (),
        deferral: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_ids = list(batch_ids)
        self.deadline = deadline
        self.sam_conn_id = sam_conn_id
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill
        self.visibility_timeout = visibility_timeout
        self.seen = list(seen)
        self.deferral = dict(deferral) if deferral else None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger elsewhere."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "batch_ids": self.batch_ids,
                "deadline": self.deadline,
                "sam_conn_id": self.sam_conn_id,
                "poll_interval": self.poll_interval,
                "cancel_on_kill": self.cancel_on_kill,
                "visibility_timeout": self.visibility_timeout,
                "seen": self.seen,
                "deferral": self.deferral,
            },
        )

    def ids(self) -> list[str]:
        """Return the batches that are waited for."""
        return self.batch_ids

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event. Being stopped or moved to another triggerer touches no batch."""
        await loaded(WAITS)
        from airflow_provider_sam.batches.wait.poller import shared_poller
        from airflow_provider_sam.batches.wait.watch import WaitState
        from airflow_provider_sam.hooks.sam import SamHook
        from airflow_provider_sam.triggers.kills import get_ready

        if self.cancel_on_kill:
            await get_ready(self.task_instance)
        # Triggers that were stored before there was this limit come without one, and wait on.
        hidden_for = math.inf if self.visibility_timeout is None else self.visibility_timeout
        watch = WaitState(self.ids(), self.log, visibility_timeout=hidden_for, known=self.seen)
        poller = shared_poller(self.sam_conn_id, SamHook(self.sam_conn_id).async_client)
        event = await poller.wait(watch, interval=self.poll_interval, deadline=self.deadline)
        if event.outcome == "error":
            await self._leave_failed()
        yield TriggerEvent(event.dump())

    def _own_deferral(self) -> Deferral | None:
        """Return which deferral of the task the wait is; None where a version before this one began it."""
        from airflow_provider_sam.batches.wait.deferral import Deferral

        return Deferral.load(self.deferral)

    async def on_kill(self) -> None:
        """Cancel the batches if that was asked for, and say in the task's log what came of it.

        Airflow 3.3 calls this also in a triggerer that stalled and lost the wait to another one. So the task is looked
        at first, and where it is not certain that somebody ended this very wait, nothing is canceled.
        """
        await loaded(WAITS)
        from airflow_provider_sam.triggers.kills import to_the_end

        await to_the_end(self._end_killed())

    async def _end_killed(self) -> None:
        from airflow_provider_sam.triggers.kills import KILL_WITHIN, reason_not_to_cancel

        named = ", ".join(self.ids())
        if not self.cancel_on_kill:
            self.log.info("The task was killed; its batches keep running: %s", named)
            return
        clock = asyncio.get_running_loop().time
        until = clock() + KILL_WITHIN
        reason = await reason_not_to_cancel(self.task_instance, own=self._own_deferral(), deadline=self.deadline)
        if reason:
            self.log.warning("Not canceling %s: %s. To cancel, run SamCancelBatchOperator.", named, reason)
            return
        try:
            async with asyncio.timeout(min(CANCEL_WITHIN, until - clock())):
                await self._cancel()
        except TimeoutError:
            self.log.warning("Could not cancel all of %s within %g s", named, CANCEL_WITHIN)

    async def _cancel(self) -> None:
        from airflow_provider_sam.batches.wait.cancel import acancel_all
        from airflow_provider_sam.hooks.sam import SamHook

        async with await SamHook(self.sam_conn_id).async_client() as client:
            await acancel_all(client, self.ids(), log=self.log, retry_for=CANCEL_WITHIN)

    async def _leave_failed(self) -> None:
        """Tell the same wait in a triggerer that stalled that it is over, although nobody ended it."""
        from airflow_provider_sam.triggers.kills import leave_deferral

        own = self._own_deferral()
        if self.cancel_on_kill and own is not None:
            with suppress(Exception):  # the event is what matters
                await leave_deferral(self.task_instance, replace(own, failed=True))

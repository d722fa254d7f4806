"""One shared poll for every wait on one connection in one event loop: waits join, waits leave, one client asks.

The poll says nothing in a log of its own: what concerns a wait is said in the context in which it joined, since
Airflow routes log lines to a task's log by context variables.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random as random_module
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamError, SamStatusError
from airflow_provider_sam.batches.wait.fetcher import SAID_AT_ONCE, StatusFetcher
from airflow_provider_sam.batches.wait.pacing import (
    EARLY,
    SHORTEST_INTERVAL,
    answer_limit,
    count_failures,
    looks_now,
    next_due,
    pause,
    wakes_at,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_sam.api.client import AsyncSamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.api.statuses import BatchStatus
    from airflow_provider_sam.batches.wait.event import BatchEvent
    from airflow_provider_sam.batches.wait.watch import WaitState

log = logging.getLogger(__name__)

LAST_LOOK = 5.0
"""Seconds after its deadline at which a wait is over even if the look that was due then has not come back."""


@dataclass(eq=False, slots=True)
class Waiter:
    """One wait in the shared poll."""

    watch: WaitState
    interval: float
    deadline: float
    due: float
    over: asyncio.Future[BatchEvent]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    def finish(self, event: BatchEvent) -> None:
        """End the wait, unless it has left already."""
        if not self.over.done():
            self.over.set_result(event)


class Poller:
    """Looks at batches for all waits that have joined, until the last one has left.

    :param connect: reads the connection and gives a new client.
    :param clock: gives seconds since the epoch; deadlines are counted in them.
    :param timeout: limits a block to a number of seconds, as `asyncio.timeout` does.
    :param random: gives a number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncSamClient]],
        *,
        clock: Callable[[], float] = time.time,
        timeout: Callable[[float], asyncio.Timeout] = asyncio.timeout,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.closing = False
        self._fetcher = StatusFetcher(
            connect, on_status=self._on_status, on_error=self._on_error, on_lost=self._on_lost, timeout=timeout
        )
        self._clock, self._timeout, self._random = clock, timeout, random
        self._waiters: dict[str, list[Waiter]] = {}
        self._waiting: set[Waiter] = set()
        self._changed = asyncio.Event()
        self._wakes_at = 0.0
        self._not_before = 0.0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    async def wait(self, watch: WaitState, *, interval: float, deadline: float) -> BatchEvent:
        """Wait until all batches of `watch` have ended, or `deadline` has passed, or waiting makes no sense.

        :param interval: seconds within which each batch is looked at.
        :param deadline: seconds since the epoch.
        """
        now = self._clock()
        interval = max(interval, SHORTEST_INTERVAL)
        due = next_due(now=now, interval=interval, deadline=deadline, chance=0.0)
        over: asyncio.Future[BatchEvent] = asyncio.get_running_loop().create_future()
        waiter = Waiter(watch, interval, deadline, due, over)
        self._join(waiter)
        try:
            # The poll ends a wait at its deadline, with a last look. This ends it if the poll itself hangs.
            async with self._timeout(max(0.0, deadline - now) + LAST_LOOK):
                return await over
        except TimeoutError:
            return watch.timed_out()
        finally:
            await self._leave(waiter)

    def _join(self, waiter: Waiter) -> None:
        self._waiting.add(waiter)
        for batch_id in waiter.watch.seen:
            self._waiters.setdefault(batch_id, []).append(waiter)
        if self._task is None:
            # In a context of its own: in that of the first wait, all would be logged as that wait's.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        elif waiter.due < self._wakes_at:
            self._changed.set()

    def _remove(self, waiter: Waiter) -> None:
        if waiter not in self._waiting:
            return
        self._waiting.remove(waiter)
        for batch_id in waiter.watch.seen:
            self._waiters[batch_id].remove(waiter)
            if not self._waiters[batch_id]:
                del self._waiters[batch_id]
                self._fetcher.forget(batch_id)

    async def _leave(self, waiter: Waiter) -> None:
        self._remove(waiter)
        if self._waiting or self._task is None:
            return
        if not self.closing:
            self.closing = True  # before anything is awaited: whoever comes now begins a poll of their own
            self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            with suppress(SamError):  # now, while there is time: making a client would delay the first look
                await self._fetcher.connected()
            while self._waiting:
                await self._until_due()
                await self._look()
                self._finish_waits()
        except Exception as problem:
            # Nobody may wait for a poll that is no more; every task tells its user why.
            log.exception("The shared poll failed")
            self._end_all(f"The poll failed: {type(problem).__name__}: {problem}")
        finally:
            self.closing = True
            await self._fetcher.aclose()

    async def _until_due(self) -> None:
        while True:
            self._changed.clear()
            self._wakes_at = wakes_at(
                earliest_due=min(waiter.due for waiter in self._waiting),
                not_before=self._not_before,
                earliest_deadline=min(waiter.deadline for waiter in self._waiting),
            )
            seconds = self._wakes_at - self._clock()
            if seconds <= 0:
                return
            with suppress(TimeoutError):
                async with self._timeout(seconds):
                    await self._changed.wait()

    async def _look(self) -> None:
        now = self._clock()
        paused = now < self._not_before
        due = {
            waiter
            for waiter in self._waiting
            if looks_now(
                due=waiter.due,
                deadline=waiter.deadline,
                interval=waiter.interval,
                now=now,
                not_before=self._not_before,
            )
        }
        wanted = dict.fromkeys(batch_id for waiter in due for batch_id in waiter.watch.open_ids)
        if not wanted:
            return
        try:
            answered = await self._fetcher.fetch(wanted, limit=answer_limit(self._shortest_interval()))
        except SamError as error:
            self._fail(error, last_look_in_a_pause=paused)
        else:
            if not paused:
                self._failures = 0
            self._schedule(due, answered, began=now)
            await self._beat()

    def _shortest_interval(self) -> float:
        return min((waiter.interval for waiter in self._waiting), default=0.0)

    def _schedule(self, due: set[Waiter], answered: set[str], *, began: float) -> None:
        now, chance = self._clock(), self._random()
        for waiter in self._waiting:
            # A wait that was not due, but had all its answers by the way, joins the rhythm of those that were.
            if waiter in due or answered.issuperset(waiter.watch.open_ids):
                due_at = next_due(now=began, interval=waiter.interval, deadline=waiter.deadline, chance=chance)
                # A look that took longer than the interval is not followed by the next one at once.
                waiter.due = min(max(due_at, now + EARLY * waiter.interval), max(waiter.deadline, now))

    async def _beat(self) -> None:
        for number, waiter in enumerate(list(self._waiting), start=1):
            waiter.context.run(waiter.watch.log_heartbeat)
            if number % SAID_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _fail(self, error: SamError, *, last_look_in_a_pause: bool) -> None:
        """Take in that nothing could be seen; nobody looks for a while, unless a pause is under way already."""
        # The last look of one wait, taken within a pause, must not lengthen the pause of all others.
        if not last_look_in_a_pause:
            self._failures += 1
            asked_for = error.retry_after if isinstance(error, SamStatusError) else None
            seconds = pause(
                failures=self._failures,
                interval=self._shortest_interval(),
                asked_for=asked_for,
                chance=self._random(),
            )
            self._not_before = self._clock() + seconds
            log.warning("Polling paused for %.0f s after %s: %s", seconds, count_failures(self._failures), error)
        for waiter in list(self._waiting):
            self._note_trouble(waiter, error)

    def _note_trouble(self, waiter: Waiter, error: SamError, batch_id: str | None = None) -> None:
        waiter.context.run(waiter.watch.note_trouble, error, batch_id)
        if waiter.watch.failure:
            self._end(waiter, waiter.watch.failed(waiter.watch.failure))

    def _finish_waits(self) -> None:
        now = self._clock()
        for waiter in list(self._waiting):
            if waiter.watch.done:
                self._end(waiter, waiter.watch.ended())
            elif waiter.deadline <= now:
                self._end(waiter, waiter.watch.timed_out())

    def _end(self, waiter: Waiter, event: BatchEvent) -> None:
        waiter.finish(event)
        self._remove(waiter)

    def _end_all(self, message: str) -> None:
        for waiter in list(self._waiting):
            self._end(waiter, waiter.watch.failed(message))

    def _on_status(self, batch: MessageBatch | BatchStatus) -> bool:
        waiters = self._waiters.get(batch.id, ())
        for waiter in waiters:
            waiter.context.run(waiter.watch.update, batch)
        return bool(waiters)

    def _on_error(self, batch_id: str, error: SamError) -> None:
        for waiter in list(self._waiters.get(batch_id, ())):
            self._note_trouble(waiter, error, batch_id)

    def _on_lost(self, batch_id: str, error: SamError) -> None:
        for waiter in list(self._waiters.get(batch_id, ())):
            self._end(waiter, waiter.watch.failed(f"Batch {batch_id}: {error}"))


_pollers: dict[asyncio.AbstractEventLoop, dict[str, Poller]] = {}


def shared_poller(connection: str, connect: Callable[[], Awaitable[AsyncSamClient]]) -> Poller:
    """Return the poll of this event loop for `connection`; the first to ask makes it with `connect`."""
    for loop in [loop for loop in _pollers if loop.is_closed()]:
        del _pollers[loop]
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(connection)
    if poller is None or poller.closing:
        poller = pollers[connection] = Poller(connect)
    return poller

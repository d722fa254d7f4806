"""Looks at a whole workspace again and again, and gives what has ended in it: one list for any number of watchers."""

from __future__ import annotations

import asyncio
import logging
import math
import random as random_module
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamError, SamStatusError, SamTimeoutError
from airflow_provider_sam.batches.wait.ended import BatchTracker
from airflow_provider_sam.batches.wait.pacing import (
    EARLY,
    PAGE,
    SHORTEST_INTERVAL,
    answer_limit,
    count_failures,
    next_due,
    page_limit,
    pause,
    reaction_to,
)
from airflow_provider_sam.batches.wait.session import ClientSession

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from airflow_provider_sam.api.client import AsyncSamClient
    from airflow_provider_sam.api.statuses import BatchStatusPage
    from airflow_provider_sam.batches.wait.ended import EndedBatch

log = logging.getLogger(__name__)


async def poll_ended_batches(
    connect: Callable[[], Awaitable[AsyncSamClient]],
    *,
    interval: float,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Callable[[], float] = random_module.random,
) -> AsyncGenerator[tuple[EndedBatch, ...], None]:
    """Give, look after look, all batches in sight that have ended, in the order of their ends. It goes on for ever.

    No failure ends it, a refused key neither: nobody waits here who could be told, and Airflow would only start a
    watcher anew, a second later. Pauses double, a `retry-after` is honoured, and the log says what is wrong.

    :param connect: reads the connection and gives a new client.
    :param interval: seconds from one look to the next.
    :param clock: gives seconds since the epoch.
    :param sleep: waits a number of seconds.
    :param random: gives a number from 0 to 1, for jitter.
    """
    interval, failures = max(interval, SHORTEST_INTERVAL), 0
    surveyor = WorkspacePoller(connect, answer_within=answer_limit(interval))
    try:
        while True:
            began = clock()
            try:
                ended = await surveyor.poll(datetime.fromtimestamp(began, UTC))
            except Exception as problem:
                failures += 1
                asked_for = problem.retry_after if isinstance(problem, SamStatusError) else None
                seconds = pause(failures=failures, interval=interval, asked_for=asked_for, chance=random())
                unexpected = None if isinstance(problem, SamError) else problem
                text = "Polling the workspace paused for %.0f s after %s: %s"
                log.warning(text, seconds, count_failures(failures), problem, exc_info=unexpected)
            else:
                if failures:
                    log.info("The API responds again")
                    failures = 0
                yield ended
                due = next_due(now=began, interval=interval, deadline=math.inf, chance=random())
                seconds = max(due - clock(), EARLY * interval)
            await sleep(seconds)
    finally:
        await surveyor.aclose()


class WorkspacePoller:
    """Lists a workspace as far down as something may have changed.

    :param connect: reads the connection and gives a new client.
    :param answer_within: seconds that the answer to one request may take, however steadily it drips.
    """

    def __init__(self, connect: Callable[[], Awaitable[AsyncSamClient]], *, answer_within: float) -> None:
        self._session = ClientSession(connect)
        self._answer_within = answer_within
        self._tracker = BatchTracker()
        self._cursor: str | None = None
        self._listed = 0
        self._limit = PAGE

    async def aclose(self) -> None:
        """Close the client."""
        await self._session.aclose()

    async def poll(self, now: datetime) -> tuple[EndedBatch, ...]:
        """Look once; give all batches in sight that have ended, in the order of their ends.

        :raises SamError: the list is not complete. The next call goes on where this one stopped, so that many pages
            are seen through in spite of a limit of the rate.
        """
        down_to = self._tracker.down_to(now)
        while True:
            page = await self._page()
            for batch in page.data:
                self._tracker.update(batch)
            self._listed += sum(batch.created_at >= down_to for batch in page.data)
            if not page.data or not page.has_more or page.data[-1].created_at < down_to:
                break
            self._cursor = page.data[-1].id
        # Next time one page that holds as many will do; a thousand entries each minute are most of the cost.
        self._limit = page_limit([self._listed], 1)
        self._cursor, self._listed = None, 0
        return self._tracker.snapshot(now)

    async def _page(self) -> BatchStatusPage:
        limit = PAGE if self._cursor else self._limit
        try:
            async with asyncio.timeout(self._answer_within):
                return await self._session.call(
                    lambda client: client.list_batch_statuses(limit=limit, after_id=self._cursor, retry_for=0)
                )
        except TimeoutError:
            raise SamTimeoutError(f"no complete answer within {self._answer_within:g} s") from None
        except SamError as error:
            if reaction_to(error) in {"ask again", "refused"}:
                # The batch at which the page before ended was deleted: from the top, then.
                self._cursor, self._listed = None, 0
            raise

"""Asks the API where batches stand with as few requests as can be: pages of the list where they are cheaper."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sam.api.errors import SamError, SamResponseError, SamStatusError, SamTimeoutError
from airflow_provider_sam.batches.wait.pacing import (
    BEYOND,
    PAGE,
    page_limit,
    pages_to_list,
    reaction_to,
    worth_another_page,
)
from airflow_provider_sam.batches.wait.session import ClientSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
    from datetime import datetime

    from airflow_provider_sam.api.client import AsyncSamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.api.statuses import BatchStatus, BatchStatusPage

T = TypeVar("T")

AT_ONCE = 4
"""Single looks that are under way together."""

SAID_AT_ONCE = 50
"""Waits that are told their news, and may say it in their logs, before others in the event loop have their turn."""

LIST_TRIES = 3
"""Refusals of the list in a row after which each batch is asked for alone."""

ALL_UNREADABLE = 10
"""Answers about single batches after which, if none could be read, the fault is not the batches'."""

SURVEY_EVERY = 100
"""Looks after which all that is remembered of the list is found out anew: a workspace changes."""


class StatusFetcher:
    """Remembers where in the list the batches were, to choose between pages and single looks.

    :param connect: reads the connection and gives a new client; called at the first use, and when the key is refused.
    :param on_status: takes each batch that was seen, and says whether anybody waits for it.
    :param on_error: takes a batch that could not be seen this time, and why.
    :param on_lost: takes a batch that can never be seen, and why.
    :param timeout: limits a block to a number of seconds, as `asyncio.timeout` does.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncSamClient]],
        *,
        on_status: Callable[[MessageBatch | BatchStatus], bool],
        on_error: Callable[[str, SamError], None],
        on_lost: Callable[[str, SamError], None],
        timeout: Callable[[float], asyncio.Timeout] = asyncio.timeout,
    ) -> None:
        self._session = ClientSession(connect)
        self._on_status, self._on_error, self._on_lost = on_status, on_error, on_lost
        self._timeout = timeout
        self._limit = 0.0
        self._ranks: dict[str, int] = {}
        self._created: dict[str, datetime] = {}
        self._looks = 0
        self._may_list = True
        self._refusals = 0

    def forget(self, batch_id: str) -> None:
        """Take note that nobody waits for a batch any more."""
        self._ranks.pop(batch_id, None)
        self._created.pop(batch_id, None)

    async def aclose(self) -> None:
        """Close the client."""
        await self._session.aclose()

    async def connected(self) -> AsyncSamClient:
        """Return the client, made of the connection at the first call."""
        return await self._session.client()

    async def fetch(self, wanted: Collection[str], *, limit: float) -> set[str]:
        """Look at all batches in `wanted`, and take along what shows by the way; give the ids that were answered.

        :param limit: seconds that the answer to one request may take, however steadily it drips.
        :raises SamError: nothing can be seen now; see `reaction_to`. What was seen before is delivered.
        """
        self._limit = limit
        return await self._session.call(lambda client: self._fetch(client, wanted))

    async def _fetch(self, client: AsyncSamClient, wanted: Collection[str]) -> set[str]:
        if self._looks % SURVEY_EVERY == 0:
            # A batch that lies BEYOND is asked for alone: nothing else would show that it came within reach again.
            self._ranks.clear()
            self._may_list = True
        self._looks += 1
        answered: set[str] = set()
        pages = pages_to_list(self._ranks.get(batch_id) for batch_id in wanted) if self._may_list else 0
        if pages:
            try:
                await self._list(client, wanted, answered, pages=pages)
            except SamResponseError:
                pass  # a page that cannot be read: each batch may be
            except SamStatusError as error:
                if reaction_to(error) not in {"ask again", "refused"}:
                    raise
                # Once: the batch at which the page before ended was deleted. Again and again: there is no list here.
                self._refusals += 1
                if self._refusals < LIST_TRIES:
                    return answered
                self._may_list = False
            else:
                self._refusals = 0
        await self._look_at_each(client, [batch_id for batch_id in wanted if batch_id not in answered], answered)
        return answered

    async def _list(self, client: AsyncSamClient, wanted: Collection[str], answered: set[str], *, pages: int) -> None:
        ranks = {batch_id: self._ranks.get(batch_id) for batch_id in wanted}
        expected = [batch_id for batch_id, rank in ranks.items() if rank is None or rank < pages * PAGE]
        limit = page_limit(ranks.values(), pages)
        listed, cursor, offset = 0, None, 0
        while True:
            page = await self._answer(client.list_batch_statuses(limit=limit, after_id=cursor, retry_for=0))
            await self._see_all(page.data, answered, offset)
            listed, offset, limit = listed + 1, offset + len(page.data), PAGE
            missing = self._deeper(expected, answered, page) if page.has_more and page.data else []
            if not missing:
                return
            if listed >= pages and not worth_another_page(missing=len(missing), unplanned=listed - pages):
                break
            cursor = page.data[-1].id
        # From now on these are asked for alone; pages for their sake were not worth it.
        self._ranks.update(dict.fromkeys(missing, BEYOND))

    def _deeper(self, expected: Collection[str], answered: set[str], page: BatchStatusPage) -> list[str]:
        """Name the batches that may lie deeper in the list: not those that should have shown and are hidden."""
        down_to = page.data[-1].created_at
        return [
            batch_id
            for batch_id in expected
            if batch_id not in answered and self._created.get(batch_id, down_to) <= down_to
        ]

    async def _look_at_each(self, client: AsyncSamClient, batch_ids: Collection[str], answered: set[str]) -> None:
        waiting, unreadable = deque(batch_ids), 0

        async def look() -> None:
            nonlocal unreadable
            while waiting:
                batch_id = waiting.popleft()
                try:
                    batch = await self._answer(client.get_batch(batch_id, retry_for=0))
                except SamResponseError as error:
                    unreadable += 1
                    # One malformed batch is its own wait's trouble; nothing but such answers is a broken server.
                    if unreadable >= ALL_UNREADABLE and not answered:
                        raise
                    self._on_error(batch_id, error)
                except SamError as error:
                    self._react(batch_id, error)
                else:
                    self._see(batch, answered)

        lookers = [asyncio.ensure_future(look()) for _ in range(min(AT_ONCE, len(waiting)))]
        try:
            await asyncio.gather(*lookers)
        finally:
            for looker in lookers:
                looker.cancel()
            await asyncio.gather(*lookers, return_exceptions=True)

    async def _answer(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            async with self._timeout(self._limit):
                return await call
        except TimeoutError:
            raise SamTimeoutError(f"no complete answer within {self._limit:g} s") from None

    def _react(self, batch_id: str, error: SamError) -> None:
        """Deal with a failure that concerns one batch; raise one that concerns all."""
        match reaction_to(error):
            case "ask again" | "refused":
                self._on_error(batch_id, error)
            case "drop":
                self._on_lost(batch_id, error)
            case _:
                raise error

    async def _see_all(self, batches: Sequence[BatchStatus], answered: set[str], offset: int) -> None:
        told = len(answered)
        for rank, batch in enumerate(batches, start=offset):
            self._see(batch, answered, rank)
            if len(answered) - told >= SAID_AT_ONCE:
                told = len(answered)
                await asyncio.sleep(0)  # logging for hundreds of waits in a row would hold up all other triggers

    def _see(self, batch: MessageBatch | BatchStatus, answered: set[str], rank: int | None = None) -> None:
        if not self._on_status(batch):
            return
        answered.add(batch.id)
        self._created[batch.id] = batch.created_at
        if rank is not None:
            self._ranks[batch.id] = rank

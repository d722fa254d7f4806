"""Looking at batches until all have ended: when to look next, which failures to wait out, when to give up."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Literal, Protocol

from airflow_provider_sam.api.errors import SamError, SamNotFoundError, SamStatusError, SamTransportError
from airflow_provider_sam.batches.completion import BatchEvent, BatchSummary, all_ended, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from airflow_provider_sam.api.client import AsyncSamClient, SamClient

JITTER = 0.1
"""Part of the interval by which a look may come later, so that many waits do not look at the same moment."""

HOPEFUL_STATUSES = frozenset({404, 408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which a later look may succeed. 404 is one: the API answers it now and then for existing batches."""


class Logger(Protocol):
    """What is used of a logger; Airflow gives standard and structured ones."""

    def info(self, message: str, /, *args: object) -> object:
        """Say what happened."""

    def warning(self, message: str, /, *args: object) -> object:
        """Say what went wrong."""


def after_error(error: SamError) -> Literal["wait", "give up"]:
    """Decide whether a look that failed may be tried again later, or never can succeed (a wrong key, a wrong id)."""
    if isinstance(error, SamTransportError):
        return "wait"
    if isinstance(error, SamStatusError) and error.status in HOPEFUL_STATUSES:
        return "wait"
    return "give up"


def next_look(*, interval: float, asked_for: float, remaining: float, chance: float) -> float:
    """Decide how many seconds from now to look again.

    :param interval: seconds between two looks.
    :param asked_for: seconds that the server asked to wait (`retry-after`), 0 if it did not.
    :param remaining: seconds until the deadline; the last look falls on it.
    :param chance: a random number from 0 to 1.
    """
    return max(0.0, min(max(interval * (1 + JITTER * chance), asked_for), remaining))


class Watch:
    """What is known of the batches of one wait, and what is said about it in the log."""

    def __init__(self, batch_ids: Iterable[str], log: Logger) -> None:
        self.seen: dict[str, BatchSummary | None] = dict.fromkeys(batch_ids)
        self._log = log

    @property
    def open_ids(self) -> list[str]:
        """The batches that have not ended yet, as far as seen."""
        return [batch_id for batch_id, batch in self.seen.items() if batch is None or not batch.ended]

    @property
    def batches(self) -> tuple[BatchSummary, ...]:
        """The batches that were seen at all."""
        return tuple(batch for batch in self.seen.values() if batch is not None)

    @property
    def done(self) -> bool:
        """Whether all batches have ended."""
        return not self.open_ids

    def note(self, summary: BatchSummary) -> None:
        """Take in one look; a change of status is said once."""
        before = self.seen[summary.id]
        self.seen[summary.id] = summary
        if before is None or before.processing_status != summary.processing_status:
            self._log.info("Batch %s", summary.describe())

    def note_failure(self, batch_id: str, error: SamError) -> float:
        """Take in a look that failed; gives the seconds that the server asked to wait.

        :raises SamError: the same error, when no later look can succeed.
        """
        if after_error(error) == "give up":
            raise error
        hint = " (a batch may be hidden for a moment)" if isinstance(error, SamNotFoundError) else ""
        self._log.warning("Could not look at batch %s, will look again%s: %s", batch_id, hint, error)
        return getattr(error, "retry_after", None) or 0.0

    def ended(self) -> BatchEvent:
        """Give the event of a wait that is over because all batches have ended."""
        if not all_ended(self.batches):
            raise RuntimeError(f"not all batches have ended: {describe(self.batches)}")
        return BatchEvent(outcome="ended", batches=self.batches)


def look(client: SamClient, watch: Watch) -> None:
    """Look once at each batch that has not ended, blocking.

    :raises SamError: no later look can succeed.
    """
    for batch_id in watch.open_ids:
        try:
            watch.note(BatchSummary.of(client.get_batch(batch_id)))
        except SamError as error:
            watch.note_failure(batch_id, error)


async def wait_until_ended(
    client: AsyncSamClient,
    batch_ids: Sequence[str],
    *,
    poll_interval: float,
    deadline: float,
    log: Logger,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> BatchEvent:
    """Look at the batches every `poll_interval` seconds until all have ended or `deadline` has passed.

    :param deadline: seconds since the epoch, as `clock` counts them.
    """
    watch = Watch(batch_ids, log)
    while True:
        asked_for = 0.0
        for batch_id in watch.open_ids:
            try:
                batch = await client.get_batch(batch_id, deadline=poll_interval)
                watch.note(BatchSummary.of(batch))
            except SamError as error:
                try:
                    asked_for = max(asked_for, watch.note_failure(batch_id, error))
                except SamError as final:
                    return BatchEvent(outcome="error", batches=watch.batches, message=str(final))
        if watch.done:
            return watch.ended()
        remaining = deadline - clock()
        if remaining <= 0:
            return BatchEvent(outcome="timeout", batches=watch.batches)
        chance = random.random()  # noqa: S311 - spreads load, guards nothing
        await sleep(next_look(interval=poll_interval, asked_for=asked_for, remaining=remaining, chance=chance))

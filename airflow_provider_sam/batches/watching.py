"""What one wait knows of its batches, and what it says about them in its task's log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from airflow_provider_sam.api.errors import SamError, SamNotFoundError, SamStatusError
from airflow_provider_sam.batches.completion import BatchEvent, BatchSummary, all_ended, describe
from airflow_provider_sam.batches.pacing import reaction_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.glances import BatchGlance
    from airflow_provider_sam.api.models import MessageBatch

HEARTBEAT = 900.0
"""Seconds between two lines that say how far the batches are, where nothing else happens."""


class Logger(Protocol):
    """What is used of a logger; Airflow gives standard and structured ones."""

    def info(self, message: str, /, *args: object) -> object:
        """Say what happened."""

    def warning(self, message: str, /, *args: object) -> object:
        """Say what went wrong."""


class Watch:
    """The batches of one wait as last seen. A change is said once, trouble once until it is over.

    :param batch_ids: the batches to watch.
    :param log: where to speak.
    :param clock: gives seconds since the epoch.
    """

    def __init__(self, batch_ids: Iterable[str], log: Logger, *, clock: Callable[[], float] = time.time) -> None:
        self.seen: dict[str, BatchSummary | None] = dict.fromkeys(batch_ids)
        self._log = log
        self._clock = clock
        self._expiries: dict[str, datetime] = {}
        self._troubles: dict[str | None, tuple[object, ...]] = {}
        self._last_beat = clock()

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
        return all(batch is not None and batch.ended for batch in self.seen.values())

    def note(self, batch: MessageBatch | BatchGlance) -> None:
        """Take in one look at one batch."""
        summary = BatchSummary.of(batch)
        before = self.seen[batch.id]
        self.seen[batch.id] = summary
        self._expiries[batch.id] = batch.expires_at
        for trouble in (None, batch.id):
            if self._troubles.pop(trouble, None):
                self._log.info("The API answers again%s", f" about batch {trouble}" if trouble else "")
        if before is None or before.processing_status != summary.processing_status:
            self._log.info("Batch %s", summary.describe())

    def note_trouble(self, error: SamError, batch_id: str | None = None) -> None:
        """Take in a look that failed and may succeed later.

        :param batch_id: the batch that could not be seen; None where none could be.
        """
        kind = (type(error), error.status if isinstance(error, SamStatusError) else None)
        if self._troubles.get(batch_id) == kind:
            return
        self._troubles[batch_id] = kind
        hint = " (a batch may be hidden for a moment)" if isinstance(error, SamNotFoundError) else ""
        what = f"batch {batch_id}" if batch_id else "the batches"
        self._log.warning("Could not look at %s, will look again%s: %s", what, hint, error.happened())

    def beat(self) -> None:
        """Say how far the batches are, if that has not been said for long."""
        now = self._clock()
        if now - self._last_beat < HEARTBEAT or not self.batches:
            return
        self._last_beat = now
        expiries = [self._expiries[batch_id].timestamp() for batch_id in self.open_ids if batch_id in self._expiries]
        expiry = f", expires {in_words(min(expiries) - now)}" if expiries else ""
        self._log.info("%s%s", describe(self.batches), expiry)

    def ended(self) -> BatchEvent:
        """Give the event of a wait that is over because all batches have ended."""
        if not self.done or not all_ended(self.batches):
            raise RuntimeError(f"not all batches have ended: {describe(self.batches)}")
        return BatchEvent(outcome="ended", batches=self.batches)

    def timed_out(self) -> BatchEvent:
        """Give the event of a wait whose deadline has passed."""
        return BatchEvent(outcome="timeout", batches=self.batches)

    def failed(self, message: str) -> BatchEvent:
        """Give the event of a wait that can never come to its end."""
        return BatchEvent(outcome="error", batches=self.batches, message=message)


def in_words(seconds: float) -> str:
    """Say in how long something happens, as roughly as a person would."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "any moment"
    return f"in {minutes} min" if minutes < 120 else f"in {round(minutes / 60)} h"  # noqa: PLR2004 - two hours


def look(client: SamClient, watch: Watch, *, patience: float) -> None:
    """Look once at each batch that has not ended, blocking.

    :param patience: seconds within which a call that failed may be repeated.
    :raises SamError: no later look can succeed.
    """
    for batch_id in watch.open_ids:
        try:
            watch.note(client.get_batch(batch_id, deadline=patience))
        except SamError as error:
            reaction = reaction_to(error)
            if reaction not in {"ask again", "back off"}:
                raise
            watch.note_trouble(error, batch_id if reaction == "ask again" else None)
            if reaction == "back off":  # the others would fail the same way
                break
    watch.beat()

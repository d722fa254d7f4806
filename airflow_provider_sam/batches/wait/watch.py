"""What one wait knows of its batches, and what it says about them in its task's log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamError, SamNotFoundError, SamResponseError, SamStatusError
from airflow_provider_sam.batches.summary import BatchSummary, all_ended, describe
from airflow_provider_sam.batches.wait.event import BatchEvent
from airflow_provider_sam.batches.wait.pacing import REFUSAL_STANDS, VISIBILITY_TIMEOUT, lasting_trouble, reaction_to
from airflow_provider_sam.exceptions import SamWaitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.api.statuses import BatchStatus
    from airflow_provider_sam.batches.progress import Logger

HEARTBEAT = 900.0
"""Seconds between two lines that say how far the batches are, where nothing else happens."""


class WaitState:
    """The batches of one wait as last seen. A change is said once, trouble once until it is over.

    :param batch_ids: the batches to watch.
    :param log: where to speak.
    :param visibility_timeout: seconds after which a batch counts as never there that was never seen: nothing but 404.
    :param known: batches that were seen before, by others.
    :param clock: gives seconds since the epoch.
    """

    def __init__(
        self,
        batch_ids: Iterable[str],
        log: Logger,
        *,
        visibility_timeout: float = VISIBILITY_TIMEOUT,
        known: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seen: dict[str, BatchSummary | None] = dict.fromkeys(batch_ids)
        self._log = log
        self._clock = clock
        self._expiries: dict[str, datetime] = {}
        self._visibility_timeout = visibility_timeout
        self._known = set(known)
        self._troubles: dict[str | None, tuple[tuple[str, int | None], float]] = {}
        self._last_beat = clock()
        self.failure = ""
        """Why the wait can never come to its end; nothing while it can."""

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

    def update(self, batch: MessageBatch | BatchStatus) -> None:
        """Take in one look at one batch."""
        summary = BatchSummary.of(batch)
        before = self.seen[batch.id]
        self.seen[batch.id] = summary
        self._known.add(batch.id)
        self._expiries[batch.id] = batch.expires_at
        # One batch that can be seen proves that the API answers, so the trouble of all is over too.
        for trouble in (None, batch.id):
            if self._troubles.pop(trouble, None):
                self._log.info("%s", f"Batch {trouble} is visible again" if trouble else "The API responds again")
        if before is None or before.processing_status != summary.processing_status:
            self._log.info("Batch %s", summary.describe())

    def note_trouble(self, error: SamError, batch_id: str | None = None) -> None:
        """Take in a look that failed and may succeed later; whether it has failed for too long shows in `failure`.

        :param batch_id: the batch that could not be seen; None where none could be.
        """
        kind = (type(error).__name__, error.status if isinstance(error, SamStatusError) else None)
        if batch_id is None:  # whatever was seen of single batches did not last
            self._troubles = {None: self._troubles[None]} if None in self._troubles else {}
        before, since = self._troubles.get(batch_id, (None, 0.0))
        # Counted from the first failure of this kind: a 401 after an hour of 503 has not lasted for an hour.
        if before != kind:
            since = self._clock()
            self._troubles[batch_id] = (kind, since)
            self._say_trouble(error, batch_id)
        reason = lasting_trouble(
            error,
            seconds=self._clock() - since,
            seen=batch_id in self._known,
            visibility_timeout=self._visibility_timeout,
        )
        if reason and not self.failure:
            self.failure = f"Batch {batch_id}: {reason}" if batch_id else f"Polling failed: {reason}"

    def _say_trouble(self, error: SamError, batch_id: str | None) -> None:
        hint = ""
        if isinstance(error, SamNotFoundError):
            hint = " (a batch can be invisible for a moment)"
        elif reaction_to(error) in {"refused", "reconnect"}:
            hint = f" (the wait fails if this lasts for {REFUSAL_STANDS / 60:.0f} min)"
        what = f"batch {batch_id}" if batch_id else "the batches"
        self._log.warning("Could not poll %s, will retry%s: %s", what, hint, error.summary())

    def dump(self) -> dict[str, Any]:
        """Return, as JSON types, which batches were seen, and what fails since when: for a later watch of the same."""
        troubles = [[batch_id, *kind, since] for batch_id, (kind, since) in self._troubles.items()]
        return {"known": sorted(self._known), "troubles": troubles}

    def recall(self, dumped: Mapping[str, Any]) -> None:
        """Take up what an earlier watch gave with `dump`.

        :raises Exception: it did not.
        """
        troubles = {
            batch_id: ((str(kind), status), float(since)) for batch_id, kind, status, since in dumped["troubles"]
        }
        self._known.update(map(str, dumped["known"]))
        self._troubles.update(troubles)

    def log_heartbeat(self) -> None:
        """Say how far the batches are, if that has not been said for long."""
        now = self._clock()
        if now - self._last_beat < HEARTBEAT or not self.batches:
            return
        self._last_beat = now
        expiries = [self._expiries[batch_id].timestamp() for batch_id in self.open_ids if batch_id in self._expiries]
        first = "the first " if len(expiries) > 1 else ""
        expiry = f", {first}expires {in_words(min(expiries) - now)}" if expiries else ""
        self._log.info("%s%s", describe(self.batches), expiry)

    def ended(self) -> BatchEvent:
        """Return the event of a wait that is over because all batches have ended."""
        if not self.done or not all_ended(self.batches):
            raise RuntimeError(f"not all batches have ended: {describe(self.batches)}")
        return BatchEvent(outcome="ended", batches=self.batches)

    def timed_out(self) -> BatchEvent:
        """Return the event of a wait whose deadline has passed."""
        return BatchEvent(outcome="timeout", batches=self.batches)

    def failed(self, message: str) -> BatchEvent:
        """Return the event of a wait that can never come to its end."""
        return BatchEvent(outcome="error", batches=self.batches, message=message)


def in_words(seconds: float) -> str:
    """Say in how long something happens, as roughly as a person would."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "any moment"
    return f"in {minutes} min" if minutes < 120 else f"in {round(minutes / 60)} h"  # noqa: PLR2004 - two hours


def look(client: SamClient, watch: WaitState, *, retry_for: float) -> None:
    """Look once at each batch that has not ended, blocking.

    :param retry_for: seconds within which a call that failed may be repeated.
    :raises SamRequestError: no look at the batch is ever sent.
    :raises SamWaitError: no later look can succeed.
    """
    for batch_id in watch.open_ids:
        try:
            watch.update(client.get_batch(batch_id, retry_for=retry_for))
        except SamError as error:
            reaction = reaction_to(error)
            if reaction == "drop":
                raise
            of_one = reaction in {"ask again", "refused"} or isinstance(error, SamResponseError)
            watch.note_trouble(error, batch_id if of_one else None)
            if watch.failure:
                raise SamWaitError(watch.failure) from error
            if not of_one:  # the others would fail the same way
                break
    watch.log_heartbeat()

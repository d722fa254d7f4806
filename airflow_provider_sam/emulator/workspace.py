"""All batches of the one workspace: created, looked at, canceled, ended, deleted, each under one lock.

Time moves a batch only when it is looked at; see ``progress``. The methods are called from the server's threads and
from a test's, hence the lock; none of them does more than small reads and writes while it holds it, except that ending
a batch with named outcomes reads its names.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_sam.emulator.errors import ApiError, invalid, not_found
from airflow_provider_sam.emulator.ids import random_id
from airflow_provider_sam.emulator.outcomes import Code, Decisions, Outcomes, decide
from airflow_provider_sam.emulator.pagination import Page, PageQuery, cut_page
from airflow_provider_sam.emulator.state import LIFETIME, RETENTION, Batch
from airflow_provider_sam.emulator.store import METADATA, OUTCOMES, VERDICTS, Store
from airflow_provider_sam.emulator.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_provider_sam.emulator.clock import Clock
    from airflow_provider_sam.emulator.intake import Intake
    from airflow_provider_sam.emulator.progress import Progress


@dataclass(slots=True)
class Rules:
    """How batches go by themselves; may be changed at any time.

    :param progress: when a batch ends
    :param outcomes: how single requests end, where a call does not say otherwise
    :param canceled_share: the part of a canceled batch, from 0 to 1, that had not run when the cancel came
    """

    progress: Progress
    outcomes: Outcomes | None = None
    canceled_share: float = 1.0


class Workspace:
    """The batches, and the one way to change them."""

    def __init__(self, store: Store, rules: Rules, clock: Clock) -> None:
        self.store = store
        self.rules = rules
        self.clock = clock
        self.visibility = Visibility(clock)
        self._lock = threading.RLock()
        self._looks: dict[str, int] = {}
        self._batches: dict[str, Batch] = {}
        loaded = (msgspec.json.decode(text, type=Batch) for text in store.metadata())
        for batch in sorted(loaded, key=lambda each: each.position):
            self._batches[batch.id] = batch

    def create(
        self, unfinished: Path, intake: Intake, *, schema: str, betas: Iterable[str], batch_id: str | None = None
    ) -> Batch:
        """Make a batch of what was taken in; it is there before this returns, and stays.

        :param batch_id: its id; None for a new one
        :raises ApiError: 409 when another batch has that id
        """
        with self._lock:
            if batch_id in self._batches:
                raise ApiError(409, f"A Message Batch with the id {batch_id!r} already exists.")
            newest = next(reversed(self._batches.values()), None)
            now = self.clock()
            if newest is not None:
                now = max(now, newest.created_at + timedelta(microseconds=1))  # time of creation tells the order
            batch = Batch(
                id=random_id("msgbatch") if batch_id is None else batch_id,
                position=0 if newest is None else newest.position + 1,
                total=intake.total,
                schema=schema,
                betas=list(betas),
                created_at=now,
                expires_at=now + LIFETIME,
            )
            self.store.adopt(unfinished, batch.id, msgspec.json.encode(batch))
            self._batches[batch.id] = batch
            return batch

    def look(self, batch_id: str) -> Batch:
        """Return a batch as a retrieve sees it; this counts as a look.

        :raises ApiError: 404
        """
        with self._lock:
            batch = self._find(batch_id)
            if self.visibility.hides(batch_id):
                raise _no_batch(batch_id)
            self._look(batch)
            return batch

    def find(self, batch_id: str) -> Batch:
        """Return a batch as it is now, without looking at it.

        :raises ApiError: 404
        """
        with self._lock:
            batch = self._find(batch_id)
            self._advance(batch)
            return batch

    def page(self, query: PageQuery) -> Page[Batch]:
        """Return a page of the list, newest first; this counts as a look at each batch on it."""
        with self._lock:
            shown = [batch for batch in reversed(self._batches.values()) if not self.visibility.hides(batch.id)]
            page = cut_page(shown, query, lambda batch: batch.id)
            for batch in page.items:
                self._look(batch)
            return page

    def cancel(self, batch_id: str) -> Batch:
        """Begin to cancel a batch; doing so again changes nothing.

        :raises ApiError: 404; 400 once it has ended
        """
        with self._lock:
            batch = self._find(batch_id)
            self._advance(batch)
            if batch.status == "ended":
                raise invalid(f"Message Batch {batch_id} has ended and cannot be canceled.")
            if batch.cancel_initiated_at is None:
                batch.cancel_initiated_at = self.clock()
                self._looks[batch_id] = 0
                self._save(batch)
            return batch

    def delete(self, batch_id: str) -> None:
        """Delete a batch for good.

        :raises ApiError: 404; 400 until it has ended
        """
        with self._lock:
            batch = self._find(batch_id)
            self._advance(batch)
            if batch.status != "ended":
                raise invalid(
                    f"Message Batch {batch_id} cannot be deleted while it is {batch.status}; cancel it first."
                )
            del self._batches[batch_id]
            self.store.remove(batch_id)

    def end(self, batch_id: str, outcomes: Outcomes | None = None) -> Batch:
        """End a batch now; one that has ended stays as it is."""
        with self._lock:
            batch = self._find(batch_id)
            if batch.status != "ended":
                self._end(batch, outcomes)
            return batch

    def expire(self, batch_id: str, outcomes: Outcomes | None = None) -> Batch:
        """End a batch as if its 24 hours were over: what ``outcomes`` does not name comes back as expired."""
        with self._lock:
            batch = self._find(batch_id)
            if batch.status != "ended":
                self._end(batch, outcomes, fate=Code.EXPIRED)
            return batch

    def archive(self, batch_id: str) -> Batch:
        """Archive a batch as if its 29 days were over: it stays listed, its results are gone."""
        with self._lock:
            batch = self.end(batch_id)
            if batch.archived_at is None:
                batch.archived_at = self.clock()
                self._save(batch)
            return batch

    def results(self, batch_id: str) -> tuple[Batch, Decisions]:
        """Return what the results of a batch are made of, but for its requests.

        :raises ApiError: 404 when there is no such batch, it has not ended, or it is archived
        """
        with self._lock:
            batch = self._find(batch_id)
            self._advance(batch)
            if self.visibility.is_hidden(batch_id) or not batch.has_results:
                raise not_found(f"Message Batch {batch_id} has no available results.")
            return batch, Decisions(self.store.read(batch_id, OUTCOMES), batch.errors)

    def all(self) -> list[Batch]:
        """Return all batches as they are now, oldest first, without looking at them."""
        with self._lock:
            for batch in self._batches.values():
                self._advance(batch)
            return list(self._batches.values())

    def clear(self) -> None:
        """Forget all batches."""
        with self._lock:
            self._batches.clear()
            self._looks.clear()
            self.visibility.clear()
            self.store.clear()

    def _find(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            raise _no_batch(batch_id)
        return self._batches[batch_id]

    def _look(self, batch: Batch) -> None:
        self._looks[batch.id] = self._looks.get(batch.id, 0) + 1
        self._advance(batch)

    def _advance(self, batch: Batch) -> None:
        """Let a batch be what it has become by now."""
        now = self.clock()
        if batch.status != "ended":
            if now >= batch.expires_at:
                self._end(batch, None, fate=Code.EXPIRED)
            elif self.rules.progress.has_ended(
                elapsed=(now - batch.created_at).total_seconds(),
                looks=self._looks.get(batch.id, 0),
                canceling=batch.cancel_initiated_at is not None,
            ):
                self._end(batch, None)
        if batch.archived_at is None and now >= batch.created_at + RETENTION:
            batch.archived_at = batch.created_at + RETENTION
            self._save(batch)

    def _end(self, batch: Batch, outcomes: Outcomes | None, fate: Code | None = None) -> None:
        share = 1.0
        if fate is None and batch.cancel_initiated_at is not None:
            fate, share = Code.CANCELED, self.rules.canceled_share
        with self.store.records(batch.id) as records:
            decisions = decide(
                self.store.read(batch.id, VERDICTS),
                records.custom_ids,
                given=self.rules.outcomes if outcomes is None else outcomes,
                fate=fate,
                share=share,
            )
        batch.counts, batch.errors = decisions.counts(), decisions.errors
        batch.ended_at = min(self.clock(), batch.expires_at)
        self.store.write(batch.id, OUTCOMES, decisions.codes)  # before the metadata says that it has ended
        self._save(batch)

    def _save(self, batch: Batch) -> None:
        self.store.write(batch.id, METADATA, msgspec.json.encode(batch))


def _no_batch(batch_id: str) -> ApiError:
    return not_found(f"There is no Message Batch with the id {batch_id!r}.")

"""Which batches of a workspace have ended, and which of them a watcher has not reported yet. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_sam.batches.summary import BatchSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_sam.api.statuses import BatchStatus

LOOK_BACK = timedelta(hours=48)
"""Age at which a batch is out of sight. A batch ends within 24 hours of its creation, so that this leaves a triggerer
that was away as much time to find what ended without it."""

LATE = timedelta(minutes=10)
"""How much later than newer batches a batch may show in the list for the first time."""

BOUND = 10_000
"""Most batches in sight: this many that go on and this many that ended, the newest of each."""

KEPT = 1_000
"""Most ids that a watcher remembers; as JSON they are about 40 kB. Of older ends it remembers the time."""

EVENT_BATCHES = 500
"""Most batches that one event names, about 150 kB of JSON; the others wait for the next look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedBatch:
    """A batch that has ended: its id and counts, and when it was created and ended by the API's clock."""

    summary: BatchSummary
    created_at: datetime
    ended_at: datetime

    @property
    def id(self) -> str:
        """The batch's id."""
        return self.summary.id

    def dump(self) -> dict[str, Any]:
        """Return the batch as JSON scalars, for Airflow to carry; times are in ISO 8601, UTC."""
        moments = {"created_at": self.created_at, "ended_at": self.ended_at}
        return self.summary.dump() | {name: moment.astimezone(UTC).isoformat() for name, moment in moments.items()}


class BatchTracker:
    """The batches in sight, as last seen: those that go on, so that their end is not missed, and those that ended."""

    def __init__(self) -> None:
        self._going_on: dict[str, datetime] = {}
        self._ended: dict[str, EndedBatch] = {}
        self._newest: datetime | None = None

    def update(self, batch: BatchStatus) -> None:
        """Take in one batch of the list. One that has ended stays so, whatever a server that lags behind says."""
        if batch.id in self._ended:  # a replica that lags behind would make it news a second time
            return
        if not batch.is_terminal or batch.ended_at is None:
            self._going_on[batch.id] = batch.created_at
        else:
            self._going_on.pop(batch.id, None)
            summary = BatchSummary.of(batch)
            self._ended[batch.id] = EndedBatch(summary=summary, created_at=batch.created_at, ended_at=batch.ended_at)
        if max(len(self._going_on), len(self._ended)) >= 2 * BOUND:  # the first look at a crowded workspace is long
            self._trim()

    def down_to(self, now: datetime) -> datetime:
        """Decide how far down the list the next look must go: whatever is older than this is known for good."""
        return list_down_to(now, newest=self._newest, going_on=self._going_on.values())

    def snapshot(self, now: datetime) -> tuple[EndedBatch, ...]:
        """Conclude a look that came as far down as it had to; give what ended, in the order of the ends."""
        self._trim()
        since = now - LOOK_BACK
        self._going_on = {batch_id: created for batch_id, created in self._going_on.items() if created >= since}
        self._ended = {batch.id: batch for batch in self._ended.values() if batch.created_at >= since}
        created = [*self._going_on.values(), *(batch.created_at for batch in self._ended.values())]
        self._newest = max(created, default=None)
        return tuple(self._ended.values())

    def _trim(self) -> None:
        going_on = sorted(self._going_on.items(), key=lambda item: item[1])
        ended = sorted(self._ended.values(), key=lambda batch: (batch.ended_at, batch.id))
        self._going_on = dict(going_on[-BOUND:])
        self._ended = {batch.id: batch for batch in ended[-BOUND:]}


def list_down_to(now: datetime, *, newest: datetime | None, going_on: Iterable[datetime]) -> datetime:
    """Decide how far down the list a look goes: to the oldest batch that goes on, and to where new ones may show.

    :param newest: when the newest batch was created that earlier looks saw; None if none did.
    :param going_on: when the batches were created that had not ended then.
    """
    earliest = now - LOOK_BACK
    if newest is None:
        return earliest
    # The list is ordered by creation, and a batch ends at any place in it: the oldest that goes on decides.
    return max(earliest, min([newest - LATE, *going_on]))


@dataclass(frozen=True, kw_only=True)
class SeenBatches:
    """What one watcher has reported: the newest by their ids, older ones by the time until which all are reported."""

    ids: frozenset[str] = frozenset()
    until: datetime | None = None

    def unseen(self, ended: Iterable[EndedBatch]) -> list[EndedBatch]:
        """Return those that were not reported yet."""
        return [
            batch for batch in ended if batch.id not in self.ids and (self.until is None or batch.ended_at > self.until)
        ]

    def with_seen(self, ended: Sequence[EndedBatch]) -> SeenBatches:
        """Return what is reported when all of `ended` is, which are in the order of their ends."""
        older, newest = ended[:-KEPT], ended[-KEPT:]
        until = [moment for moment in (self.until, older[-1].ended_at if older else None) if moment is not None]
        return SeenBatches(ids=frozenset(batch.id for batch in newest), until=max(until, default=None))

    def next_event(self, ended: Sequence[EndedBatch], *, min_succeeded: int) -> tuple[list[EndedBatch], SeenBatches]:
        """Return the batches that one event is to name, and what is reported then.

        All that is new goes into one event: of events that come back to back Airflow may start a run for the first
        alone, and keep the others for the next run.

        :param ended: all that has ended, in the order of their ends.
        :param min_succeeded: how many requests of a batch must have succeeded for it to be reported.
        """
        wanted = [batch for batch in self.unseen(ended) if batch.summary.succeeded >= min_succeeded]
        named = wanted[:EVENT_BATCHES]
        until = ended.index(named[-1]) + 1 if len(named) < len(wanted) else len(ended)
        return named, self.with_seen(ended[:until])

    def dump(self) -> dict[str, Any]:
        """Return it as JSON types, to be remembered."""
        return {"ids": sorted(self.ids), "until": self.until.isoformat() if self.until else None}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `dump` gave."""
        until = stored["until"]
        return cls(ids=frozenset(stored["ids"]), until=datetime.fromisoformat(until) if until else None)


def event_of(batches: Iterable[EndedBatch]) -> dict[str, Any]:
    """Return the payload of an event that names batches."""
    return {"batches": [batch.dump() for batch in batches]}


def batches_of(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the batches that an event's payload names; the oldest ones are one batch each."""
    if "batches" in payload:
        return list(payload["batches"])
    return [dict(payload)] if "id" in payload else []

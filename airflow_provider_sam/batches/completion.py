"""What an ended batch means: the event that crosses the triggerer, and the judgement that a task makes of it.

Nothing here does I/O. The event holds ids and counts only, never results and never a message's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sam.api.glances import BatchGlance
    from airflow_provider_sam.api.models import MessageBatch

EVENT_VERSION = 1

OnCanceled = Literal["fail", "skip", "succeed"]
Outcome = Literal["ended", "timeout", "error"]
Verdict = Literal["succeed", "skip", "fail"]


@dataclass(frozen=True, kw_only=True)
class BatchSummary:
    """Where one batch stands: its id, the API's `processing_status` and `request_counts`."""

    id: str
    processing_status: str
    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int
    cancel_initiated: bool = False

    @classmethod
    def of(cls, batch: MessageBatch | BatchGlance) -> Self:
        """Summarise a batch as the API gave it."""
        counts = batch.request_counts
        return cls(
            id=batch.id,
            processing_status=batch.processing_status,
            processing=counts.processing,
            succeeded=counts.succeeded,
            errored=counts.errored,
            canceled=counts.canceled,
            expired=counts.expired,
            cancel_initiated=batch.cancel_initiated_at is not None,
        )

    @property
    def ended(self) -> bool:
        """Whether nothing of the batch will change any more."""
        return self.processing_status == "ended"

    @property
    def total(self) -> int:
        """How many requests the batch holds; the counts sum to it at any time."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired

    @property
    def fully_canceled(self) -> bool:
        """Whether the batch ended by being canceled before any of its requests was answered."""
        return self.ended and self.cancel_initiated and self.canceled > 0 and self.canceled == self.total

    def describe(self) -> str:
        """Say the state in one short line for a log."""
        if not self.ended:
            return f"{self.id} {self.processing_status}, {self.processing:,} requests processing"
        parts = [f"{count:,} {name}" for name, count in self.counts().items() if count and name != "processing"]
        return f"{self.id} ended: {', '.join(parts) or 'no requests'}"

    def dump(self) -> dict[str, Any]:
        """Give the fields as JSON types."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def counts(self) -> dict[str, int]:
        """Give the five counts under the API's names."""
        return {name: getattr(self, name) for name in ("processing", "succeeded", "errored", "canceled", "expired")}


@dataclass(frozen=True, kw_only=True)
class BatchEvent:
    """What a trigger tells the task that waits: the outcome of the wait, and the batches as last seen."""

    outcome: Outcome
    batches: tuple[BatchSummary, ...] = ()
    message: str = ""
    version: int = field(default=EVENT_VERSION)

    def dump(self) -> dict[str, Any]:
        """Give the event as JSON types, for Airflow to carry."""
        return {
            "version": self.version,
            "outcome": self.outcome,
            "batches": [batch.dump() for batch in self.batches],
            "message": self.message,
        }

    @classmethod
    def load(cls, payload: object) -> Self:
        """Read what `dump` gave, of this version or an older one.

        :raises ValueError: nothing, or nothing known, arrived. An event that cannot be read is never a success.
        """
        if not payload:
            raise ValueError("the trigger fired no event")
        if not isinstance(payload, Mapping):
            raise ValueError(f"the trigger fired an unknown event: {type(payload).__name__}")  # noqa: TRY004 - Airflow's fault, not the caller's
        outcome = payload.get("outcome")
        if outcome not in ("ended", "timeout", "error") or payload.get("version") != EVENT_VERSION:
            fields_sent = sorted(map(str, payload))
            raise ValueError(f"the trigger fired an unknown event: {fields_sent}")
        try:
            batches = tuple(_load_summary(batch) for batch in payload["batches"])
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"the trigger fired an incomplete event: {problem}") from problem
        return cls(outcome=outcome, batches=batches, message=str(payload.get("message") or ""))


def _load_summary(payload: Mapping[str, Any]) -> BatchSummary:
    known = {item.name for item in fields(BatchSummary)}
    return BatchSummary(**{name: value for name, value in payload.items() if name in known})


@dataclass(frozen=True, kw_only=True)
class CompletionPolicy:
    """How a task judges batches that have ended.

    :param on_canceled: what a batch means that was canceled before any of its requests was answered: `fail`, `skip`
        or `succeed`. A batch that was canceled with some results is a success, for its results are paid for.
    """

    on_canceled: OnCanceled = "fail"

    def judge(self, batches: Iterable[BatchSummary]) -> tuple[Verdict, str]:
        """Decide what a task does about batches that have all ended, and say why."""
        canceled = [batch.id for batch in batches if batch.fully_canceled]
        if not canceled or self.on_canceled == "succeed":
            return "succeed", ""
        return self.on_canceled, f"canceled before any request was answered: {', '.join(canceled)}"


def all_ended(batches: Iterable[BatchSummary]) -> bool:
    """Whether every one of the batches has ended."""
    return all(batch.ended for batch in batches)


def describe(batches: Iterable[BatchSummary]) -> str:
    """Say in one line for a log how far several batches are."""
    batches = tuple(batches)
    if len(batches) == 1:
        return batches[0].describe()
    ended = sum(batch.ended for batch in batches)
    processing = sum(batch.processing for batch in batches)
    return f"{ended} of {len(batches)} batches ended, {processing:,} requests processing"

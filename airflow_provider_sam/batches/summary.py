"""Where a batch stands, in ids and counts: what crosses the triggerer, and what logs say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.api.statuses import BatchStatus


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
    def of(cls, batch: MessageBatch | BatchStatus) -> Self:
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
            return f"{self.id} {self.processing_status}, {_requests(self.processing)} processing"
        parts = [f"{count:,} {name}" for name, count in self.counts().items() if count and name != "processing"]
        return f"{self.id} ended: {', '.join(parts) or 'no requests'}"

    def dump(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def counts(self) -> dict[str, int]:
        """Return the five counts under the API's names."""
        return {name: getattr(self, name) for name in ("processing", "succeeded", "errored", "canceled", "expired")}


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
    return f"{ended} of {len(batches)} batches ended, {_requests(processing)} processing"


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number:,} requests"

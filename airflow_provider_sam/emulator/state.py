"""One batch: what it is at any moment, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from airflow_provider_sam.emulator.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIME = timedelta(hours=24)
"""From creation to expiry; what has not run by then comes back as expired."""

RETENTION = timedelta(days=29)
"""From creation to archiving; then the results are gone."""

Status = Literal["in_progress", "canceling", "ended"]


class Batch(msgspec.Struct, kw_only=True):
    """All that is remembered of a batch, but for its requests.

    :param position: its number in the order of creation
    :param schema: the name of the schema its requests must have, by the route it was created on
    :param betas: the names on the create request's ``anthropic-beta`` header
    :param counts: ``request_counts`` once it has ended
    :param errors: errors given to single requests by ``custom_id``
    """

    id: str
    position: int
    total: int
    schema: str
    betas: list[str]
    created_at: datetime
    expires_at: datetime
    cancel_initiated_at: datetime | None = None
    ended_at: datetime | None = None
    archived_at: datetime | None = None
    counts: dict[str, int] | None = None
    errors: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)

    @property
    def status(self) -> Status:
        """The API's ``processing_status``."""
        if self.ended_at is not None:
            return "ended"
        return "in_progress" if self.cancel_initiated_at is None else "canceling"

    @property
    def has_results(self) -> bool:
        """Whether the results can be fetched."""
        return self.ended_at is not None and self.archived_at is None

    @property
    def request_counts(self) -> dict[str, int]:
        """The API's ``request_counts``: all are processing until the batch ends."""
        if self.counts is not None:
            return dict(self.counts)
        return {"processing": self.total, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}

    def answer(self, base_url: str) -> dict[str, Any]:
        """Write the contract's ``MessageBatch``.

        :param base_url: the server that ``results_url`` names
        """
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": self.request_counts,
            "created_at": rfc3339(self.created_at),
            "expires_at": rfc3339(self.expires_at),
            "ended_at": rfc3339(self.ended_at),
            "cancel_initiated_at": rfc3339(self.cancel_initiated_at),
            "archived_at": rfc3339(self.archived_at),
            "results_url": f"{base_url}/v1/messages/batches/{self.id}/results" if self.has_results else None,
        }


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch at the server as a test sees it: a copy that does not change and does not count as a look.

    :param requests: the number of requests in it
    :param betas: the beta names it was created with
    """

    id: str
    requests: int
    status: Status
    request_counts: Mapping[str, int]
    betas: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    cancel_initiated_at: datetime | None
    ended_at: datetime | None
    archived_at: datetime | None

    @classmethod
    def of(cls, batch: Batch) -> BatchView:
        """Take the view of a batch."""
        return cls(
            id=batch.id,
            requests=batch.total,
            status=batch.status,
            request_counts=batch.request_counts,
            betas=tuple(batch.betas),
            created_at=batch.created_at,
            expires_at=batch.expires_at,
            cancel_initiated_at=batch.cancel_initiated_at,
            ended_at=batch.ended_at,
            archived_at=batch.archived_at,
        )

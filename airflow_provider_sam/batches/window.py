"""The batches newer than an anchor, and what can be told of each: the only place where a lost create can be."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api import errors
from airflow_provider_sam.batches.submission import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.record import Anchor
    from airflow_provider_sam.batches.remembering import Submission
    from airflow_provider_sam.batches.spool import Shard

PAGE = 100
"""Batches a page; a window is narrow, as its anchor is the newest batch at the moment of the create."""

RESULTS_READ = 5
"""How many results of an ended batch are compared with our custom_ids."""


class Window:
    """Looks at the batches newer than `anchor`; None stands for before all batches."""

    def __init__(
        self,
        client: SamClient,
        anchor: Anchor | None,
        *,
        betas: Sequence[str] | None,
        deadline: float | None = None,
    ) -> None:
        self._client = client
        self._anchor = anchor
        self._arguments: Any = {"betas": betas, "deadline": deadline}
        self._is_ours: dict[str, bool] = {}

    def candidates(self, shard: Shard, submission: Submission) -> list[Candidate]:
        """Look once, and describe each batch of the window that has as many requests as `shard`."""
        own, holder = submission.record.batch_ids, submission.memory.holder
        return [
            self._describe(batch, shard, taken=batch.id in own or holder(batch.id) is not None)
            for batch in self._newer()
            if batch.total == shard.requests
        ]

    def _newer(self) -> list[MessageBatch]:
        if self._anchor is None:
            return list(self._client.iter_batches(limit=PAGE, **self._arguments))
        try:
            found = list(self._client.iter_batches(before_id=self._anchor.id, limit=PAGE, **self._arguments))
        except (errors.SamNotFoundError, errors.SamInvalidRequestError):
            found = []  # the anchor does not show: it was deleted meanwhile, or is not everywhere yet
        # Nothing is what a server might also answer for an anchor that it does not know, so its time decides then.
        return found or list(self._since(self._anchor))

    def _since(self, anchor: Anchor) -> Iterator[MessageBatch]:
        """Page down from the newest batch to the anchor or, where it is gone, to the time of its creation."""
        for batch in self._client.iter_batches(limit=PAGE, **self._arguments):
            if batch.id == anchor.id or batch.created_at < anchor.created_at:
                return
            yield batch

    def _describe(self, batch: MessageBatch, shard: Shard, *, taken: bool) -> Candidate:
        is_ours = None if taken else self._bears_our_ids(batch, shard)
        return Candidate(batch.id, batch.total, taken=taken, is_ours=is_ours)

    def _bears_our_ids(self, batch: MessageBatch, shard: Shard) -> bool | None:
        """Compare the first results with our custom_ids; None as long as there are none to read."""
        if not batch.is_terminal or batch.archived_at is not None:
            return None
        if batch.id not in self._is_ours:
            try:
                lines = list(islice(self._client.iter_results(batch.id, **self._arguments), RESULTS_READ))
            except errors.SamNotFoundError:
                return None
            if not lines:
                return None
            self._is_ours[batch.id] = all(shard.holds(line.custom_id) for line in lines)
        return self._is_ours[batch.id]

"""The batches newer than an anchor, and what can be told of each: the only place where a lost create can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.submit.decisions import Candidate, ends_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.store.record import Anchor
    from airflow_provider_sam.batches.submit.submission import Submission
    from airflow_provider_sam.batches.submit.written import Shard

PAGE = 100
"""Batches a page; a window is narrow, as its anchor is the newest batch at the moment of the create."""


class Window:
    """Looks at the batches newer than `anchor`; None stands for before all batches.

    :param prove_within: seconds after its creation within which a batch must have ended; None for its own expiry.
    """

    def __init__(
        self,
        client: SamClient,
        anchor: Anchor | None,
        *,
        betas: Sequence[str] | None,
        retry_for: float | None = None,
        prove_within: float | None = None,
    ) -> None:
        self._client = client
        self._anchor = anchor
        self._prove_within = prove_within
        self._arguments: Any = {"betas": betas, "retry_for": retry_for}
        self._is_ours: dict[str, bool] = {}

    def candidates(self, shard: Shard, submission: Submission) -> list[Candidate]:
        """Look once, and describe each batch of the window that has as many requests as `shard`, the oldest first."""
        own, holder = submission.record.batch_ids, submission.memory.holder
        return [
            self._describe(batch, shard, taken=batch.id in own or holder(batch.id) is not None)
            for batch in {each.id: each for each in self._newer()}.values()  # a list may show one twice
            if batch.total == shard.requests
        ]

    def _newer(self) -> list[MessageBatch]:
        """Return the batches of the window, the oldest first."""
        if self._anchor is None:
            return list(self._client.iter_batches(limit=PAGE, **self._arguments))[::-1]
        try:
            found = list(self._client.iter_batches(before_id=self._anchor.id, limit=PAGE, **self._arguments))
        except (errors.SamNotFoundError, errors.SamInvalidRequestError):
            found = []  # the anchor does not show: it was deleted meanwhile, or is not everywhere yet
        # Nothing is what a server might also answer for an anchor that it does not know, so its time decides then.
        return found or list(self._since(self._anchor))[::-1]

    def _since(self, anchor: Anchor) -> Iterator[MessageBatch]:
        """Page down from the newest batch to the anchor or, where it is gone, to the time of its creation."""
        for batch in self._client.iter_batches(limit=PAGE, **self._arguments):
            if batch.id == anchor.id or batch.created_at < anchor.created_at:
                return
            yield batch

    def _describe(self, batch: MessageBatch, shard: Shard, *, taken: bool) -> Candidate:
        return Candidate(
            batch.id,
            batch.total,
            taken=taken,
            is_ours=None if taken else self._bears_our_ids(batch, shard),
            ended=batch.is_terminal,
            until=ends_by(batch, self._prove_within),
        )

    def _bears_our_ids(self, batch: MessageBatch, shard: Shard) -> bool | None:
        """Compare the results' custom_ids with ours; None as long as there are none to read."""
        if not batch.is_terminal or batch.archived_at is not None:
            return None
        if batch.id not in self._is_ours:
            try:
                is_ours = self._read(batch.id, shard)
            except (errors.SamNotFoundError, errors.SamResponseError):
                return None
            if is_ours is None:
                return None
            self._is_ours[batch.id] = is_ours
        return self._is_ours[batch.id]

    def _read(self, batch_id: str, shard: Shard) -> bool | None:
        """Read results until it is sure: one that bears a custom_id of ours alone, or of others, is enough.

        Where all custom_ids were given to us, others may use some of them too, and all are compared. None where the
        results end before that.
        """
        found = 0
        with self._client.stream_results(batch_id, **self._arguments) as stream:
            for line in iter_lines(stream):
                meaning = shard.recognize(tally(line).custom_id)
                if meaning != "possible":
                    return meaning == "proof"
                found += 1
                if found > shard.requests:
                    return False
        return True if found == shard.requests else None

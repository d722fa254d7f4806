"""A submission while it runs: what is known of each batch, written down around every step that could be lost."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_provider_sam.batches.record import Anchor, BatchRecord, Record, carried_over, left_behind
from airflow_provider_sam.batches.state import Submitted
from airflow_provider_sam.exceptions import SamSubmissionOvertakenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam.batches.spool import Shard
    from airflow_provider_sam.batches.state import Claim, Memory
    from airflow_provider_sam.batches.watching import Logger


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the task says about its submission.

    :param round: the same for all tries of the task until it is cleared.
    :param betas: names of beta features; None uses the plain route.
    :param adopt: batches to take for ours where none is known.
    :param resubmit: forget what an earlier round has submitted.
    :param patience: seconds to wait for a batch to show up before it is taken for not created; more for a large one.
    """

    round: int = 0
    betas: Sequence[str] | None = None
    adopt: Sequence[str] = ()
    resubmit: bool = False
    patience: float = 60.0


class Submission:
    """The record of a submission, and the memory that it is kept in."""

    def __init__(self, memory: Memory, wishes: Wishes, *, log: Logger) -> None:
        self.memory = memory
        self.record = Record(wishes.round, (), uuid4().hex)
        self._wishes = wishes
        self._log = log

    def recall(self, shards: Sequence[Shard]) -> None:
        """Find out what earlier tries have done about `shards`, and stop those that still run.

        :raises SamStateError: what is remembered cannot be read.
        """
        wanted = [(self._fingerprint(shard), shard.requests) for shard in shards]
        known = self.memory.load()
        if known is not None and self._wishes.resubmit and known.round != self._wishes.round:
            held = ", ".join(sorted(known.batch_ids)) or "no batch"
            self._log.info("The task was cleared and says resubmit: submitting anew; %s stays as it is", held)
            known = None
        for lost in left_behind(known, wanted):
            self._log.warning(
                "The input has changed since an earlier try: submitting anew; %s of %d requests stays as it is",
                f"batch {lost.batch_id}" if lost.batch_id else "a batch that may exist",
                lost.requests,
            )
        self.record = Record(self._wishes.round, carried_over(known, wanted), self.record.writer)
        self.memory.save(self.record)

    def confirm(self) -> None:
        """Make sure that this is still the task's last try.

        A worker that has lost touch with Airflow may go on while a retry runs elsewhere. That one finds the intent, and
        waits for the batch as long as a server may take to show it: time enough for this one to notice.

        :raises SamSubmissionOvertakenError: a later one has begun.
        """
        known = self.memory.load()
        if known is not None and known.writer != self.record.writer:
            raise SamSubmissionOvertakenError("another try of this task has begun, and submits in this one's place")

    def intend(self, index: int, anchor: Anchor | None) -> None:
        """Write down that a batch is about to be created."""
        known = self.record.batches[index]
        self._note(index, BatchRecord(known.fingerprint, known.requests, intended=True, anchor=anchor))

    def hold(self, index: int, batch_id: str) -> Claim | None:
        """Write down which batch it is; give the claim of another task that has it already."""
        known = self.record.batches[index]
        self._note(index, BatchRecord(known.fingerprint, known.requests, batch_id=batch_id))
        return self.memory.claim(batch_id, submitted_as(known))

    def forget(self, index: int) -> None:
        """Write down that certainly no batch was created."""
        known = self.record.batches[index]
        self._note(index, BatchRecord(known.fingerprint, known.requests))

    def missing(self, requests: int) -> int | None:
        """Find the first batch of so many requests that is not known yet."""
        missing = (index for index, known in enumerate(self.record.batches) if known.batch_id is None)
        return next((index for index in missing if self.record.batches[index].requests == requests), None)

    def _note(self, index: int, batch: BatchRecord) -> None:
        self.confirm()
        self.record = self.record.with_batch(index, batch)
        self.memory.save(self.record)

    def _fingerprint(self, shard: Shard) -> str:
        """Give the fingerprint of the whole request: the same body with other betas is another one."""
        if self._wishes.betas is None:
            return shard.fingerprint
        return hashlib.sha256(repr((shard.fingerprint, [*self._wishes.betas])).encode()).hexdigest()


def submitted_as(batch: BatchRecord) -> Submitted:
    """Return what is entered in the register beside a batch."""
    return Submitted(batch.fingerprint, batch.requests, "")

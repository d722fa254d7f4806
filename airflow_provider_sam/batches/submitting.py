"""The submit-once protocol at work: remember the intent, send, remember the id; after any doubt, look before paying."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_sam.api import errors
from airflow_provider_sam.batches.looking import Looker
from airflow_provider_sam.batches.record import Anchor
from airflow_provider_sam.batches.remembering import Submission, Wishes, submitted_as
from airflow_provider_sam.batches.upload import Upload
from airflow_provider_sam.exceptions import SamSubmissionError, SamSubmissionStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.spool import Shard
    from airflow_provider_sam.batches.state import Memory
    from airflow_provider_sam.batches.watching import Logger

CREATES = 3
"""How often one try of a task sends a batch, if no trace of the one before was found."""

LONGEST_SLEEP = 1.0
"""Seconds after which a pause looks whether the task is to end."""


class Submitter:
    """Makes one batch of each shard, whatever breaks on the way.

    :param sleep: waits a number of seconds.
    """

    def __init__(
        self,
        client: SamClient,
        memory: Memory,
        wishes: Wishes,
        *,
        log: Logger,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._wishes = wishes
        self._log = log
        self._sleep = sleep
        self._stopped = False
        self._submission = Submission(memory, wishes, log=log)
        self._looker = Looker(client, self._submission, wishes, log=log, pause=self._pause)
        self._previous: MessageBatch | None = None

    def stop(self) -> None:
        """End as soon as nothing is in the balance; safe to call from a signal's handler."""
        self._stopped = True

    def submit(self, shards: Sequence[Shard]) -> list[str]:
        """Give the ids of the shards' batches, in their order.

        :raises SamSubmissionError: it cannot be said which batch is ours; the message names those in question.
        :raises SamStateError: what is remembered cannot be read.
        :raises SamSubmissionStoppedError: `stop` was called, or another try of the task has begun.
        :raises SamError: the API refuses, or cannot be reached.
        """
        self._submission.recall(shards)
        for batch_id in self._wishes.adopt:
            self._adopt(batch_id)
        return [self._settle(index, shard) for index, shard in enumerate(shards)]

    def _adopt(self, batch_id: str) -> None:
        if batch_id in self._submission.record.batch_ids:
            return
        if (other := self._submission.memory.holder(batch_id)) is not None:
            raise SamSubmissionError(f"adopt_batch_id names {batch_id}, which is the batch of {other.name}")
        batch = self._client.get_batch(batch_id, betas=self._wishes.betas)
        index = self._submission.missing(batch.total)
        if index is None:
            sizes = ", ".join(str(known.requests) for known in self._submission.record.batches)
            raise SamSubmissionError(
                f"adopt_batch_id names {batch_id}, with {batch.total} requests; this task's batches have {sizes}, "
                "and none of that size is missing"
            )
        self._submission.hold(index, batch_id)
        self._log.info("Adopted batch %s of %d requests, as adopt_batch_id says", batch_id, batch.total)

    def _settle(self, index: int, shard: Shard) -> str:
        """Give the id of one batch, from memory, from the server's list, or by creating it."""
        self._check()
        known = self._submission.record.batches[index]
        if known.batch_id is not None:
            if self._looker.stands(known.batch_id):
                self._submission.memory.claim(known.batch_id, submitted_as(known))
                self._log.info("Attached to batch %s of %d requests, known before", known.batch_id, known.requests)
                return known.batch_id
            self._submission.forget(index)
        elif known.intended:
            self._log.info("An earlier try may have created a batch of %d requests: looking for it", known.requests)
            if (found := self._looker.find(index, shard)) is not None:
                return found
        return self._create(index, shard)

    def _create(self, index: int, shard: Shard) -> str:
        for _ in range(CREATES):
            # While an intent is open its anchor stays: what an earlier create has left behind lies after that one.
            certain = not self._submission.record.batches[index].intended
            if certain:
                self._submission.intend(index, self._anchor())
            if (found := self._try_to_create(index, shard, certain=certain)) is not None:
                return found
        raise SamSubmissionError(
            f"{CREATES} times a batch of {shard.requests} requests was sent, and none has appeared. The next try looks "
            "for it again before it sends anything"
        )

    def _try_to_create(self, index: int, shard: Shard, *, certain: bool) -> str | None:
        """Send a batch once; None where no batch of ours has come of it.

        :param certain: no earlier create can have left a batch behind.
        """
        try:
            batch = self._send(shard)
        except errors.SamAmbiguousSubmitError as problem:
            self._log.warning("Looking for the batch before sending it again: %s", problem)
            return self._looker.find(index, shard)
        except errors.SamError:
            if certain:
                self._submission.forget(index)
            raise
        except BaseException:  # the task's time-out or end, raised from a signal's handler
            self._looker.report(index, shard)
            raise
        return self._keep(index, batch)

    def _send(self, shard: Shard) -> MessageBatch:
        self._log.info("Sending a batch of %d requests, %d bytes", shard.requests, shard.content_length)
        body = Upload(shard, log=self._log, check=self._check, confirm=self._submission.confirm)
        return self._client.create_batch(body, betas=self._wishes.betas)

    def _keep(self, index: int, batch: MessageBatch) -> str | None:
        """Remember a batch that we have created; None where another task has taken it for its own meanwhile."""
        self._log.info("Created batch %s of %d requests; it expires at %s", batch.id, batch.total, batch.expires_at)
        taker = self._submission.hold(index, batch.id)
        if taker is None:
            self._previous = batch
            return batch.id
        self._submission.forget(index)
        if taker.fingerprint != self._submission.record.batches[index].fingerprint:
            raise SamSubmissionError(
                f"{taker.name} has taken batch {batch.id} of this task for its own: it had lost the answer to a create "
                "of the same size at the same time. Clear that task with resubmit=True, and its claim with it"
            )
        self._log.warning("%s, which asked the same, has taken batch %s: sending another one", taker.name, batch.id)
        return None

    def _anchor(self) -> Anchor | None:
        """Give the newest batch: the one before this in the submission, else what the server lists first."""
        newest = self._previous
        if newest is None:
            page = self._client.list_batches(limit=1, betas=self._wishes.betas)
            newest = page.data[0] if page.data else None
        return None if newest is None else Anchor(newest.id, newest.created_at)

    def _check(self) -> None:
        if self._stopped:
            raise SamSubmissionStoppedError("the task was told to end while it was submitting")

    def _pause(self, seconds: float) -> None:
        while seconds > 0:
            self._check()
            self._sleep(min(seconds, LONGEST_SLEEP))
            seconds -= LONGEST_SLEEP

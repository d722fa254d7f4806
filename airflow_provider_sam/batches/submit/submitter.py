"""The submit-once protocol at work: remember the intent, send, remember the id; after any doubt, look before paying."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_sam.api import errors
from airflow_provider_sam.batches.store.record import Anchor
from airflow_provider_sam.batches.submit.reconcile import Reconciler
from airflow_provider_sam.batches.submit.submission import Submission, SubmitOptions
from airflow_provider_sam.batches.submit.upload import Upload
from airflow_provider_sam.exceptions import (
    SamSubmissionError,
    SamSubmissionStoppedError,
    SamSubmissionUnprovenError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.store import SubmissionStore
    from airflow_provider_sam.batches.submit.written import Shard, Written

CREATES = 3
"""How often one try of a task sends a batch, if no trace of the one before was found."""

PASSING_STATUSES = frozenset({408, 409, 425, 429, 499})
"""Answers below 500 after which a create that left nothing behind is sent again at once, whoever gave them."""

IN_DOUBT = "A batch may have been created all the same: a retry looks for it before it sends anything."
"""What a retry does about a refusal that would end the task, were it certain that nothing is left behind."""

LONGEST_SLEEP = 1.0
"""Seconds after which a pause looks whether the task is to end."""


class Submitter:
    """Makes one batch of each shard, whatever breaks on the way.

    :param sleep: waits a number of seconds.
    """

    def __init__(
        self,
        client: SamClient,
        memory: SubmissionStore,
        options: SubmitOptions,
        *,
        log: Logger,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._options = options
        self._log = log
        self._sleep = sleep
        self._stopped = False
        self._submission = Submission(memory, options, log=log)
        self._reconciler = Reconciler(client, self._submission, options, log=log, pause=self.pause)
        self._previous: MessageBatch | None = None
        self._last_problem: errors.SamError | None = None

    def stop(self) -> None:
        """End as soon as nothing is in the balance; safe to call from a signal's handler."""
        self._stopped = True

    def submit(self, written: Written, *, one_batch: bool = False) -> list[str]:
        """Return the ids of the batches that hold all requests, the same ones in every try.

        :param one_batch: all requests go into one batch, whatever was submitted earlier.
        :raises SamSubmissionUnprovenError: all has been submitted but what may exist already, which is not known yet.
        :raises SamSubmissionError: it cannot be said which batch is ours; the message names those in question.
        :raises SamStateError: what is remembered cannot be read.
        :raises SamSubmissionStoppedError: `stop` was called, or another try of the task has begun.
        :raises SamError: the API refuses, or cannot be reached.
        """
        self._submission.recall(written, one_batch=one_batch)
        try:
            return self._submit()
        except errors.SamError as problem:
            if self._submission.is_open and not problem.retryable:
                problem.retryable, problem.retry_hint = True, IN_DOUBT
            raise

    def _submit(self) -> list[str]:
        for batch_id in self._options.adopt:
            self._adopt(batch_id)
        shards = dict(enumerate(self._submission.shards))
        ids, unproven = self._ensure_batches(shards)
        if unproven and len(unproven) < len(shards):
            # What took a while for the others may have decided these.
            again, unproven = self._ensure_batches({index: shards[index] for index in unproven})
            ids |= again
        if unproven:
            self._submission.confirm()  # a try that is overtaken has nothing to wait for
            raise min(unproven.values(), key=lambda each: each.until)
        return [ids[index] for index in sorted(ids)]

    def _ensure_batches(self, shards: dict[int, Shard]) -> tuple[dict[int, str], dict[int, SamSubmissionUnprovenError]]:
        """Settle one batch after the other; one that cannot be proven yet holds up no other."""
        ids: dict[int, str] = {}
        unproven: dict[int, SamSubmissionUnprovenError] = {}
        for index, shard in shards.items():
            try:
                ids[index] = self._ensure_batch(index, shard)
            except SamSubmissionUnprovenError as open_question:
                unproven[index] = open_question
                self._log.warning("Cannot decide yet; continuing with the other batches: %s", open_question.message)
        return ids, unproven

    def _adopt(self, batch_id: str) -> None:
        if batch_id in self._submission.record.batch_ids:
            return
        if (other := self._submission.memory.holder(batch_id)) is not None:
            raise SamSubmissionError(f"adopt_batch_id is {batch_id}, which belongs to {other.name}")
        batch = self._client.get_batch(batch_id, betas=self._options.betas)
        index = self._submission.missing(batch.total)
        if index is None:
            sizes = ", ".join(str(known.requests) for known in self._submission.record.batches)
            raise SamSubmissionError(
                f"adopt_batch_id is {batch_id}, with {batch.total} requests; this task's batches have {sizes}, "
                "and none of that size is missing"
            )
        if (other := self._submission.claim(index, batch_id)) is not None:
            raise SamSubmissionError(f"adopt_batch_id is {batch_id}, which belongs to {other.name}")
        self._submission.hold(index, batch_id)
        self._log.info("Adopted batch %s of %d requests from adopt_batch_id", batch_id, batch.total)

    def _ensure_batch(self, index: int, shard: Shard) -> str:
        """Return the id of one batch, from memory, from the server's list, or by creating it."""
        self._check()
        known = self._submission.record.batches[index]
        if known.batch_id is not None:
            if self._reconciler.is_reusable(known.batch_id):
                self._submission.claim(index, known.batch_id)
                self._log.info(
                    "Attached to batch %s of %d requests, remembered from an earlier try",
                    known.batch_id,
                    known.requests,
                )
                return known.batch_id
            self._submission.forget(index)
        elif known.created:
            raise SamSubmissionError(
                f"a batch of {known.requests} requests was created, and its id could not be trusted. Set "
                "adopt_batch_id once the API shows the batch, or clear the task with resubmit=True to pay again"
            )
        elif known.intended:
            self._log.info("An earlier try may have created a batch of %d requests: looking for it", known.requests)
            if (found := self._reconciler.find_created(index, shard)) is not None:
                return found
        return self._create(index, shard)

    def _create(self, index: int, shard: Shard) -> str:
        self._last_problem = None
        for _ in range(CREATES):
            # While an intent is open its anchor stays: what an earlier create has left behind lies after that one.
            certain = not self._submission.record.batches[index].intended
            if certain:
                self._submission.intend(index, self._anchor())
            if (found := self._try_to_create(index, shard, certain=certain)) is not None:
                return found
        raise SamSubmissionError(
            f"sent a batch of {shard.requests} requests {CREATES} times, but it never appeared. The next try looks for "
            f"it again before it sends anything. The last answer: {self._last_problem}"
        )

    def _try_to_create(self, index: int, shard: Shard, *, certain: bool) -> str | None:
        """Send a batch once; None where no batch of ours has come of it.

        :param certain: no earlier create can have left a batch behind.
        """
        try:
            batch = self._send(shard)
        except errors.SamAmbiguousSubmitError as problem:
            self._log.warning("Looking for the batch before sending it again: %s", problem)
            self._last_problem = problem.cause
            if isinstance(problem.cause, errors.SamUntrustedIdError):
                self._submission.lose(index)
                raise SamSubmissionError(f"{problem.cause}. No other batch was created in its place") from problem
            found = self._reconciler.find_created(index, shard)
            if found is None and not _may_pass(problem.cause):
                raise SamSubmissionError(
                    f"no batch of {shard.requests} requests has appeared after something between here and the API "
                    f"refused the create: {problem.cause}"
                ) from problem
            return found
        except errors.SamError:
            if certain:
                self._submission.forget(index)
            raise
        except BaseException:  # the task's time-out or end, raised from a signal's handler
            self._reconciler.report(index, shard)
            raise
        return self._keep(index, batch)

    def _send(self, shard: Shard) -> MessageBatch:
        self._log.info("Sending a batch of %d requests, %d bytes", shard.requests, shard.content_length)
        body = Upload(shard, log=self._log, check=self._check, confirm=self._submission.confirm)
        return self._client.create_batch(body, betas=self._options.betas)

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
                f"{taker.name} took batch {batch.id}, which this task created: it had lost the answer to its own "
                "create of the same size at the same time. Clear that task with resubmit=True, and delete its claim"
            )
        self._log.warning("%s submitted the same requests and took batch %s: sending another one", taker.name, batch.id)
        return None

    def _anchor(self) -> Anchor | None:
        """Return the newest batch: the one before this in the submission, else what the server lists first."""
        newest = self._previous
        if newest is None:
            page = self._client.list_batches(limit=1, betas=self._options.betas)
            newest = page.data[0] if page.data else None
        return None if newest is None else Anchor(newest.id, newest.created_at)

    def _check(self) -> None:
        if self._stopped:
            raise SamSubmissionStoppedError("the task was told to end while it was submitting")

    def pause(self, seconds: float) -> None:
        """Wait, and notice within a second when the task is to end."""
        while seconds > 0:
            self._check()
            self._sleep(min(seconds, LONGEST_SLEEP))
            seconds -= LONGEST_SLEEP


def _may_pass(problem: errors.SamError) -> bool:
    """Return whether the same create may be answered otherwise soon."""
    if not isinstance(problem, errors.SamStatusError):
        return True
    return problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem.status in PASSING_STATUSES

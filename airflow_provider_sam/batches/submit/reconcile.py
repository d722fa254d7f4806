"""Looking at the server until it is clear whether a batch is there; how long is decided in `submission`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.timeouts import upload_timeout
from airflow_provider_sam.batches.submit.decisions import (
    Attach,
    AwaitProof,
    GiveUp,
    LookAgain,
    judge_remembered,
    judge_window,
)
from airflow_provider_sam.batches.submit.window import Window
from airflow_provider_sam.exceptions import SamSubmissionError, SamSubmissionUnprovenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.submit.decisions import Candidate
    from airflow_provider_sam.batches.submit.submission import Submission, SubmitOptions
    from airflow_provider_sam.batches.submit.written import Shard

LAST_LOOK = 5.0
"""Seconds within which a listing may be repeated when the task is being torn away."""


class Reconciler:
    """Looks for the batches of one submission.

    :param pause: waits a number of seconds, or raises when the task is to end.
    """

    def __init__(
        self,
        client: SamClient,
        submission: Submission,
        options: SubmitOptions,
        *,
        log: Logger,
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._submission = submission
        self._options = options
        self._log = log
        self._pause = pause

    def is_reusable(self, batch_id: str) -> bool:
        """Return whether a remembered batch is one to attach to; if not, another one is to be created.

        :raises SamSubmissionError: it is not found, for longer than that could pass.
        """
        looks, waited, visibility_timeout = 0, 0.0, self._options.visibility_timeout
        while True:
            batch = self._look_at(batch_id)
            looks += 1
            match judge_remembered(batch, batch_id, looks=looks, waited=waited, visibility_timeout=visibility_timeout):
                case Attach():
                    return True
                case LookAgain(pause):
                    self._pause(pause)
                    waited += pause
                case GiveUp(reason):
                    raise SamSubmissionError(reason)
                case create:
                    self._log.warning("Submitting a new batch: %s", create.reason)
                    return False

    def _look_at(self, batch_id: str) -> MessageBatch | None:
        try:
            return self._client.get_batch(batch_id, betas=self._options.betas)
        except errors.SamNotFoundError:
            return None

    def find_created(self, index: int, shard: Shard) -> str | None:
        """Look for a batch whose create had no clear answer, and attach to it; None when it was not created.

        :raises SamSubmissionUnprovenError: there is one that may be it, and has not ended.
        :raises SamSubmissionError: it will not be known whether one is it.
        """
        window = self._window(index)
        visibility_timeout = upload_timeout(shard.content_length, floor=self._options.visibility_timeout)
        looks, waited = 0, 0.0
        while True:
            candidates = window.candidates(shard, self._submission)
            looks += 1
            now = self._options.clock()
            match judge_window(
                candidates, shard.requests, looks=looks, waited=waited, visibility_timeout=visibility_timeout, now=now
            ):
                case Attach(batch_id, repeats):
                    if self._attach(index, batch_id, repeats):
                        return batch_id
                case LookAgain(pause):
                    self._pause(pause)
                    waited += pause
                case AwaitProof(found):
                    raise _unproven(found)
                case GiveUp(reason):
                    raise SamSubmissionError(reason)
                case create:
                    self._log.info("Not created: %s", create.reason)
                    return None

    def _attach(self, index: int, batch_id: str, repeats: Sequence[str]) -> bool:
        """Take a batch for ours unless another task was faster: the claim comes first, as it may not be ours."""
        if self._submission.claim(index, batch_id) is not None:
            return False
        self._submission.hold(index, batch_id)
        requests = self._submission.record.batches[index].requests
        self._log.info("Found batch %s of %d requests, with our custom_ids: attached to it", batch_id, requests)
        if repeats:
            self._log.warning(
                "%s has the same custom_ids as %s. Unless another task submitted it, the create was repeated on its "
                "way, and you pay for both: SamCancelBatchOperator(batch_id=...) cancels what has not run yet",
                " and ".join(repeats),
                batch_id,
            )
        return True

    def report(self, index: int, shard: Shard) -> None:
        """Say what may exist when the task is torn away while it sends; the intent stays for the next try."""
        try:
            found = self._window(index, retry_for=LAST_LOOK).candidates(shard, self._submission)
        except errors.SamError as problem:
            self._log.warning(
                "Interrupted while sending %d requests, and batches cannot be listed: %s", shard.requests, problem
            )
            return
        names = ", ".join(each.id for each in found if not each.taken) or "none yet"
        self._log.warning(
            "Interrupted while sending a batch of %d requests. New batches of that size: %s. The next try of this task "
            "tells by the custom_ids whether one is ours",
            shard.requests,
            names,
        )

    def _window(self, index: int, *, retry_for: float | None = None) -> Window:
        anchor = self._submission.record.batches[index].anchor
        return Window(
            self._client,
            anchor,
            betas=self._options.betas,
            retry_for=retry_for,
            prove_within=self._options.prove_within,
        )


def _unproven(found: Sequence[Candidate]) -> SamSubmissionUnprovenError:
    names = " and ".join(each.id for each in found)
    requests = found[0].requests
    return SamSubmissionUnprovenError(
        f"the answer to a create was lost, and {names} is a batch of {requests} requests that may be this task's. Its "
        "custom_ids tell once it has ended; until then it is neither taken nor paid for again. To choose now, set "
        "adopt_batch_id",
        batch_ids=[each.id for each in found],
        until=found[0].until,
    )

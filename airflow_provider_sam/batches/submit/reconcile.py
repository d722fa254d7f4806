"""Looking at the server until it is clear whether a batch is there; how long is decided in `decisions`.

A lost create can only be in one place: among the batches that are newer than its anchor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.api.timeouts import upload_timeout
from airflow_provider_sam.batches.submit.decisions import (
    Attach,
    AwaitProof,
    Candidate,
    GiveUp,
    LookAgain,
    ends_by,
    judge_remembered,
    judge_window,
)
from airflow_provider_sam.exceptions import SamSubmissionError, SamSubmissionUnprovenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.record import Anchor
    from airflow_provider_sam.batches.submit.submission import Submission, SubmitOptions
    from airflow_provider_sam.batches.submit.written import Shard

PAGE = 100
"""Batches a page; a window is narrow, as its anchor is the newest batch at the moment of the create."""

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

    def _window(self, index: int, *, retry_for: float | None = None) -> _Window:
        anchor = self._submission.record.batches[index].anchor
        return _Window(
            self._client,
            anchor,
            betas=self._options.betas,
            retry_for=retry_for,
            prove_within=self._options.prove_within,
        )


class _Window:
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

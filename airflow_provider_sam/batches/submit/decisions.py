"""One logical submission is one batch: what to do next, decided from what is remembered and what the server lists.

The API has no idempotency key, so a create whose answer was lost is looked for: among the batches that are newer than
the *anchor*, the newest batch before it, those of the same size that nobody else claims. Its size makes a batch a
candidate; only its results' custom_ids prove that it is ours. What cannot be proven yet is neither taken nor paid for
again. Pure; no clock takes part but the sum of the pauses that were made, and the limit after which an open question
becomes an error, so that a wrong time on any machine never costs a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_sam.api.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam.api.models import MessageBatch

BACKOFF = Backoff(first=1.0, longest=15.0)
"""From one look to the next."""

PROVE_MARGIN = timedelta(hours=1)
"""How long after its expiry a batch may take to end before it counts as one that does not."""


@dataclass(frozen=True)
class Candidate:
    """A batch newer than the anchor.

    :param requests: how many it holds, in whatever state.
    :param taken: another submission, or another batch of this one, has it.
    :param is_ours: whether its results bear our custom_ids; None as long as they cannot be read.
    :param ended: it has ended, so that its results can be read, or could.
    :param until: when it has ended at the latest, in seconds since the epoch.
    """

    id: str
    requests: int
    taken: bool = False
    is_ours: bool | None = None
    ended: bool = False
    until: float = 0.0


@dataclass(frozen=True)
class Attach:
    """Take this batch for ours.

    :param repeats: others that hold the same requests under the same custom_ids.
    """

    batch_id: str
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Create:
    """There is none to attach to: create one."""

    reason: str


@dataclass(frozen=True)
class LookAgain:
    """It is too early to say: look again after so many seconds."""

    pause: float


@dataclass(frozen=True)
class AwaitProof:
    """These may be ours, and say so only once they have ended; the oldest first."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class GiveUp:
    """It cannot be said."""

    reason: str


def possible(candidates: Sequence[Candidate], requests: int) -> list[Candidate]:
    """Leave those that may be a batch of `requests` requests of ours."""
    return [each for each in candidates if each.requests == requests and not each.taken and each.is_ours is not False]


def judge_window(
    candidates: Sequence[Candidate], requests: int, *, looks: int, waited: float, visibility_timeout: float, now: float
) -> Attach | Create | LookAgain | AwaitProof | GiveUp:
    """Decide about a create whose outcome is unknown, from the batches newer than its anchor.

    A server may be slow to show a batch, or its results: neither "none" nor "unreadable" holds before
    `visibility_timeout` has passed.

    :param candidates: the oldest first.
    :param requests: how many our batch holds.
    :param looks: how often was looked, this time included.
    :param waited: the sum of the pauses since the first look, in seconds.
    :param visibility_timeout: seconds after which what is seen is taken for all there is.
    :param now: seconds since the epoch.
    """
    left = possible(candidates, requests)
    proven = [each.id for each in left if each.is_ours]
    if proven:
        return Attach(proven[0], tuple(proven[1:]))
    running = tuple(each for each in left if not each.ended)
    if running and all(each.until > now for each in running):
        return AwaitProof(running)
    if not running and waited < visibility_timeout:
        return LookAgain(pause(looks, visibility_timeout - waited))
    if not left:
        return Create(f"no batch of {requests} requests has appeared in {visibility_timeout:g} s")
    names = " and ".join(each.id for each in left)
    why = "has not ended in time" if running else "has ended, and its results cannot be read"
    return GiveUp(
        f"{names}: a batch of {requests} requests that may be this task's {why}. Set adopt_batch_id to take it for "
        "this task's own, or clear the task with resubmit=True to submit a new batch"
    )


def ends_by(batch: MessageBatch, prove_within: float | None) -> float:
    """Return when a batch has ended at the latest, in seconds since the epoch.

    :param prove_within: seconds since its creation; None for its own expiry and a margin.
    """
    if prove_within is not None:
        return batch.created_at.timestamp() + prove_within
    return (batch.expires_at + PROVE_MARGIN).timestamp()


def judge_remembered(
    batch: MessageBatch | None, batch_id: str, *, looks: int, waited: float, visibility_timeout: float
) -> Attach | Create | LookAgain | GiveUp:
    """Decide about a batch that is remembered, from what the server says about it.

    :param batch: None where the server says that there is none, which may pass and never means that it is gone.
    """
    if batch is None:
        if waited < visibility_timeout:
            return LookAgain(pause(looks, visibility_timeout - waited))
        return GiveUp(
            f"batch {batch_id}, which this task created, has not been found for {visibility_timeout:g} s. If it was "
            "deleted, clear the task with resubmit=True; if the connection points to another workspace, correct it"
        )
    if batch.archived_at is not None:
        return Create(f"batch {batch_id} was archived at {batch.archived_at}, and its results are gone")
    if batch.cancel_initiated_at is not None:
        return Create(f"batch {batch_id} was canceled at {batch.cancel_initiated_at}")
    return Attach(batch_id)


def pause(looks: int, left: float) -> float:
    """Return the seconds until the next look, never beyond what is `left`."""
    return min(BACKOFF.seconds(looks), left)

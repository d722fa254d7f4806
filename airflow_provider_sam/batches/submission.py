"""One logical submission is one batch: what to do next, decided from what is remembered and what the server lists.

The API has no idempotency key, so a create whose answer was lost is looked for: among the batches that are newer than
the *anchor*, the newest batch before it, one of the same size that nobody else claims. Pure; no clock takes part but
the sum of the pauses that were made, so that a wrong time on any machine does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam.api.models import MessageBatch

FIRST_PAUSE = 1.0
"""Seconds between the first and the second look; doubles with each further one."""

LONGEST_PAUSE = 15.0
"""Seconds at which doubling ends."""


@dataclass(frozen=True)
class Candidate:
    """A batch newer than the anchor.

    :param requests: how many it holds, in whatever state.
    :param taken: another submission, or another batch of this one, has it.
    :param is_ours: whether its results bear our custom_ids; None as long as they cannot be read.
    """

    id: str
    requests: int
    taken: bool = False
    is_ours: bool | None = None


@dataclass(frozen=True)
class Attach:
    """Take this batch for ours."""

    batch_id: str


@dataclass(frozen=True)
class Create:
    """There is none to attach to: create one."""

    reason: str


@dataclass(frozen=True)
class LookAgain:
    """It is too early to say: look again after so many seconds."""

    pause: float


@dataclass(frozen=True)
class GiveUp:
    """It cannot be said."""

    reason: str


def possible(candidates: Sequence[Candidate], requests: int) -> list[Candidate]:
    """Leave those that may be a batch of `requests` requests of ours."""
    return [each for each in candidates if each.requests == requests and not each.taken and each.is_ours is not False]


def judge_window(
    candidates: Sequence[Candidate], requests: int, *, looks: int, waited: float, patience: float
) -> Attach | Create | LookAgain | GiveUp:
    """Decide about a create whose outcome is unknown, from the batches newer than its anchor.

    A server may be slow to show a batch. So neither "none" nor "this one" holds before `patience` has passed, unless
    the one candidate has ended and bears our custom_ids.

    :param requests: how many our batch holds.
    :param looks: how often was looked, this time included.
    :param waited: the sum of the pauses since the first look, in seconds.
    :param patience: seconds after which what is seen is taken for all there is.
    """
    left = possible(candidates, requests)
    if len(left) == 1 and left[0].is_ours:
        return Attach(left[0].id)
    if waited < patience:
        return LookAgain(pause(looks, patience - waited))
    if not left:
        return Create(f"no batch of {requests} requests has appeared in {patience:g} s")
    if len(left) == 1:
        return Attach(left[0].id)
    names = " and ".join(sorted(each.id for each in left))
    return GiveUp(
        f"{names} are each a batch of {requests} requests that may be this task's; a later try tells them apart by "
        "their custom_ids once they have ended. To choose now, set adopt_batch_id to one of them"
    )


def judge_remembered(
    batch: MessageBatch | None, batch_id: str, *, looks: int, waited: float, patience: float
) -> Attach | Create | LookAgain | GiveUp:
    """Decide about a batch that is remembered, from what the server says about it.

    :param batch: None where the server says that there is none, which may pass and never means that it is gone.
    """
    if batch is None:
        if waited < patience:
            return LookAgain(pause(looks, patience - waited))
        return GiveUp(
            f"batch {batch_id}, which this task has created, is not found for {patience:g} s. If it was deleted, "
            "clear the task with resubmit=True; if the connection leads to another workspace, mend it"
        )
    if batch.archived_at is not None:
        return Create(f"batch {batch_id} was archived at {batch.archived_at}, and its results are gone")
    if batch.cancel_initiated_at is not None:
        return Create(f"batch {batch_id} was canceled at {batch.cancel_initiated_at}")
    return Attach(batch_id)


def pause(looks: int, left: float) -> float:
    """Give the seconds until the next look, never beyond what is `left`."""
    return min(FIRST_PAUSE * 2.0 ** min(looks - 1, 10), LONGEST_PAUSE, left)

"""Whether a wait that Airflow calls killed was ended by somebody, or merely lives on elsewhere. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFERRED = "deferred"
"""The state of a task whose wait is in a triggerer."""

XCOM_KEY = "sam_wait"
"""Under which a task leaves its latest deferral, for the triggers of earlier ones to see."""


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """Which deferral of a task a wait is: each try defers at most once.

    :param try_number: the try that deferred.
    :param max_tries: how many tries the task had then. A person who clears a task grants it more; a retry does not.
        None where it is not known.
    :param failed: whether the wait has fired an event that fails the task.
    """

    try_number: int
    max_tries: int | None = None
    failed: bool = False

    def dump(self) -> dict[str, Any]:
        """Return the deferral as JSON scalars."""
        return {"try_number": self.try_number, "max_tries": self.max_tries, "failed": self.failed}

    @classmethod
    def load(cls, stored: object) -> Self | None:
        """Return what `dump` gave; None for anything else."""
        if not isinstance(stored, dict) or not isinstance(stored.get("try_number"), int):
            return None
        max_tries = stored.get("max_tries")
        return cls(
            try_number=stored["try_number"],
            max_tries=max_tries if isinstance(max_tries, int) else None,
            failed=stored.get("failed") is True,
        )


def state_in(states: Mapping[str, Mapping[str, Any]], *, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return one task's state of Airflow's answer; None for a task that was cleared, or is no more."""
    name = task_id if map_index < 0 else f"{task_id}_{map_index}"
    state = states.get(run_id, {}).get(name)
    return None if state is None else str(getattr(state, "value", state))


def why_not_cancel(
    state: str | None, *, own: Deferral | None, latest: Deferral | None, now: float, deadline: float
) -> str:
    """Return why a wait's batches must not be canceled; nothing where somebody ended this very wait.

    A triggerer that stalled, and so lost its waits to another one, is told "killed" as well when it comes back. By then
    the other one may have ended the wait, and the task may even be deferred again.

    :param state: the task's state now; None for a task that was cleared, or is no more.
    :param own: the deferral that the wait is of; None where it is not known.
    :param latest: the deferral that the task has left last; None where there is none.
    :param now: seconds since the epoch.
    :param deadline: the wait's, likewise.
    """
    if now >= deadline:
        return "the wait has timed out, and the task decides"
    if own is not None and latest is not None and latest.try_number > own.try_number:
        retried = own.max_tries is not None and own.max_tries == latest.max_tries
        return "a retry of the task waits for them" if retried else ""
    if state == DEFERRED:
        return "the task is still deferred, in another triggerer"
    if own is not None and latest is not None and latest.failed:
        return "the wait has already failed, in another triggerer"
    return ""

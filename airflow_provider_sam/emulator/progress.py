"""When a batch ends: after some seconds, after some looks, or when told.

Nothing moves in the background. A batch is asked whether it has ended each time somebody looks at it, so the same
sequence of requests always sees the same statuses. A batch that is being canceled ends at the next look, except on
demand, where it stays in ``canceling`` until it is told to end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """The rule by which batches end."""

    def has_ended(self, *, elapsed: float, looks: int, canceling: bool) -> bool:
        """Decide for one batch.

        :param elapsed: seconds since the batch was created
        :param looks: how often it was retrieved or listed since it was created or canceled, this time included
        :param canceling: whether a cancel was asked for
        """


@dataclass(frozen=True, slots=True)
class AfterSeconds:
    """A batch ends ``seconds`` after its creation; with 0 at the first look, so that its creation says in progress."""

    seconds: float = 0.0

    def has_ended(self, *, elapsed: float, looks: int, canceling: bool) -> bool:
        """Decide by the time passed."""
        return elapsed >= self.seconds > 0 or (looks > 0 and (canceling or elapsed >= self.seconds))


@dataclass(frozen=True, slots=True)
class AfterLooks:
    """A batch shows itself as ended at look number ``looks``: retrieving and listing it both count."""

    looks: int = 1

    def has_ended(self, *, elapsed: float, looks: int, canceling: bool) -> bool:  # noqa: ARG002 - one rule, one signature
        """Decide by the looks taken."""
        return looks >= (1 if canceling else self.looks)


@dataclass(frozen=True, slots=True)
class OnDemand:
    """A batch ends only by ``SamEmulator.end_batch`` or the control route of the same meaning."""

    def has_ended(self, *, elapsed: float, looks: int, canceling: bool) -> bool:  # noqa: ARG002 - one rule, one signature
        """Never end by itself."""
        return False

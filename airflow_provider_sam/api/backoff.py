"""How long to wait before something is tried again that has failed so often: doubling, up to a longest wait. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DOUBLINGS = 30


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """One policy.

    :param first: seconds before the second attempt; doubles with each further one.
    :param longest: seconds at which doubling ends.
    :param jitter: part of a wait by which it may be shorter, so that many callers do not come back at the same moment.
    """

    first: float
    longest: float
    jitter: float = 0.0

    def seconds(self, failures: int, chance: float = 0.0) -> float:
        """Return how long to wait.

        :param failures: how many attempts have failed in a row, from 1.
        :param chance: a random number from 0 to 1; 0 waits the longest.
        """
        doubled = self.first * 2.0 ** min(failures - 1, MOST_DOUBLINGS)
        return min(doubled, self.longest) * (1 - self.jitter * chance)

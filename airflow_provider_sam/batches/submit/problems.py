"""What is wrong with an input, told once all of it was read."""

from __future__ import annotations

from bisect import insort_left
from operator import itemgetter

from airflow_provider_sam.api.errors import SamRequestError

PROBLEMS_SHOWN = 5
"""How many problems of an input an error names; the rest is counted."""


class Problems:
    """What is wrong with an input: the first few named, the rest counted."""

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[tuple[int, str]] = []

    def add(self, problem: SamRequestError | str, index: int) -> None:
        """Take note of one problem; of two that one request has, the one that comes later is named first.

        :param index: the request's among all.
        """
        self.count += 1
        text = problem.message if isinstance(problem, SamRequestError) else problem
        insort_left(self._shown, (index, text), key=itemgetter(0))
        del self._shown[PROBLEMS_SHOWN:]

    def raise_any(self, total: int) -> None:
        """Raise what was noted, if anything.

        :param total: the number of requests looked at.
        :raises SamRequestError: naming the first few problems.
        """
        if self.count:
            shown = [text for _, text in self._shown]
            more = self.count - len(shown)
            shown += [f"and {more} more"] if more else []
            raise SamRequestError(f"{self.count} of {total} requests cannot be sent: {'; '.join(shown)}")

"""What is wrong with an input, told once all of it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBLEMS_SHOWN = 5
"""How many problems of an input an error names; the rest is counted."""


class Problems:
    """What is wrong with an input: the first few named, the rest counted."""

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[str] = []

    def add(self, problem: SamRequestError | str) -> None:
        """Take note of one problem."""
        self.count += 1
        if len(self._shown) < PROBLEMS_SHOWN:
            self._shown.append(problem.message if isinstance(problem, SamRequestError) else problem)

    def raise_any(self, total: int) -> None:
        """Raise what was noted, if anything.

        :param total: the number of requests looked at.
        :raises SamRequestError: naming the first few problems.
        """
        if self.count:
            more = self.count - len(self._shown)
            shown: Iterable[str] = [*self._shown, f"and {more} more"] if more else self._shown
            raise SamRequestError(f"{self.count} of {total} requests cannot be sent: {'; '.join(shown)}")

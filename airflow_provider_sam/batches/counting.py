"""Counts by names that come from elsewhere: how many names there are, and how long they are, has bounds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_sam.api.redaction import clean_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow_provider_sam.batches.manifest_types import ErrorCount

OUTCOMES = ("succeeded", "errored", "canceled", "expired")
"""The result types that the API counts, in the order in which a manifest names them."""

TOP_ERRORS = 10
"""How many different errors a manifest names, the most frequent first."""

MOST_ERRORS = 1000
"""How many different error messages are told apart: each may name its own row, and memory must not grow with them."""

OTHER_MESSAGES = "(other messages)"

LONGEST_NAME = 200
"""Characters of a name, such as a model, a stop reason or an outcome, that are kept."""

LONGEST_MESSAGE = 500
"""Characters of an error's message that are kept."""

MOST_NAMES = 100
"""How many different names are told apart; what comes later is counted together."""

OTHERS = "(others)"
"""The name of what is counted together."""


def room_for(name: str, names: Collection[str]) -> str:
    """Return the name under which to count: its own, as long as there are not too many already."""
    name = clean_text(name, LONGEST_NAME)
    return name if name in names or len(names) < MOST_NAMES else OTHERS


def count_into(total: Counter[str], more: Mapping[str, int]) -> None:
    """Add counts by name to those that there are, under bounded names."""
    for name, number in more.items():
        total[room_for(name, total)] += number


class ErrorCounts:
    """Counts errors by type and message."""

    def __init__(self) -> None:
        self._errors: Counter[tuple[str, str]] = Counter()
        self._others: Counter[str] = Counter()

    def add(self, kind: str, message: str) -> None:
        """Count an error."""
        kind, message = clean_text(kind, LONGEST_NAME), clean_text(message, LONGEST_MESSAGE)
        if (kind, message) in self._errors or len(self._errors) < MOST_ERRORS:
            self._errors[kind, message] += 1
        else:
            self._others[room_for(kind, self._others)] += 1

    def top(self) -> list[ErrorCount]:
        """Return the most frequent errors, as JSON types."""
        errors = self._errors + Counter({(kind, OTHER_MESSAGES): count for kind, count in self._others.items()})
        return [
            {"type": kind, "message": message, "count": count}
            for (kind, message), count in errors.most_common(TOP_ERRORS)
        ]

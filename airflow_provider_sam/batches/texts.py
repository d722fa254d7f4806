"""Names and messages from the API on their way into a manifest: short, printable, and never too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.api.redaction import clean_text

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Mapping

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

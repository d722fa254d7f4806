"""Names and messages from the API on their way into a manifest: short, printable, and never too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def cleaned(text: str, longest: int = LONGEST_NAME) -> str:
    """Return a text from the API without control characters, in bounded length."""
    kept = text[: longest + 1]
    if not kept.isprintable():
        kept = "".join(char if char.isprintable() else " " for char in kept)
    return kept if len(kept) <= longest else f"{kept[: longest - 3]}..."


def room_for(name: str, names: Collection[str]) -> str:
    """Return the name under which to count: its own, as long as there are not too many already."""
    name = cleaned(name)
    return name if name in names or len(names) < MOST_NAMES else OTHERS


def count_into(total: Counter[str], more: Mapping[str, int]) -> None:
    """Add counts by name to those that there are, under bounded names."""
    for name, number in more.items():
        total[room_for(name, total)] += number

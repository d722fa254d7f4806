"""What a request asks, and a short plausible thing to say to it: the same thing each time."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_WORDS = 14

_OFFERS = ("one of", "either", "choose from", "label", "categories", "category", "classes")
_OFFER = re.compile(
    r"(?:one of|either|choose from|labels?|categories|category|classes)\b[^:\n]{0,40}?:?\s+([^.\n?;()]+)"
)
_BETWEEN_CHOICES = re.compile(r"\s*(?:,\s*(?:or|and)\s+|,|/|\||\s(?:or|and)\s)\s*", re.IGNORECASE)
_A_CHOICE = re.compile(r"[\"'`]?(?P<choice>[\w][\w -]{0,28}?)[\"'`]?")


def prompt_of(params: Mapping[str, Any]) -> str:
    """Return the text of the last message of the user; empty when there is none."""
    for message in reversed(params.get("messages", ())):
        if message["role"] == "user":
            return text_of(message["content"])
    return ""


def text_of(content: str | Iterable[Mapping[str, Any]]) -> str:
    """Return the text in a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def reply_to(prompt: str) -> str:
    """Return one line: a choice, where the prompt offers some; else the gist of its last line."""
    choices = offered_choices(prompt)
    if choices:
        return choices[zlib.crc32(prompt.encode()) % len(choices)]
    last = prompt.rstrip().rpartition("\n")[2]
    words = last.split(maxsplit=_MOST_WORDS)[:_MOST_WORDS]
    return f"In short: {' '.join(words)}" if words else "There is nothing to answer."


def offered_choices(prompt: str) -> list[str]:
    """Return the answers a prompt offers, as in ``one of: bug, feature or question``; empty when it offers none."""
    lowered = prompt.lower()
    if not any(offer in lowered for offer in _OFFERS):  # spares most of 100,000 prompts the slower search
        return []
    for found in _OFFER.finditer(lowered):
        offered = prompt[found.start(1) : found.end(1)] if len(lowered) == len(prompt) else found[1]
        parts = (_A_CHOICE.fullmatch(part.strip()) for part in _BETWEEN_CHOICES.split(offered))
        choices = [part["choice"] for part in parts if part is not None]
        if len(choices) > 1:
            return choices
    return []

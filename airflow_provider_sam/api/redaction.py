"""Texts of others before they enter an error or a log: without our secrets, without control characters, and short."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HIDDEN = "***"

SHORTEST_SECRET = 4
"""Fewer characters than that are part of ordinary words."""

SHORTEST_BASE64 = 6
"""Fewer characters of base64 than that may be anything."""

DEEPEST = 8
"""Levels of details that are kept."""


def clean_text(text: str, length: int) -> str:
    """Return a text of the API for a log, an error or a record: in one line, printable, and no longer than `length`."""
    kept = text[: length + 1]
    if not kept.isprintable():  # control and formatting characters, line ends, halves of surrogate pairs
        kept = "".join(character if character.isprintable() else " " for character in kept)
    return kept if len(kept) <= length else f"{kept[: length - 3]}..."


class Redactor:
    r"""Hides secrets in texts of others, however they are spelt there: raw, as ``\u00XX``, as ``%XX``, or in base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = [spelling for secret in secrets for spelling in _spellings(secret)]
        self._secret = re.compile("|".join(spellings)) if spellings else None

    def __call__(self, text: str) -> str:
        """Return the text with every secret hidden."""
        return self._secret.sub(HIDDEN, text) if self._secret else text

    def text(self, text: str, length: int) -> str:
        """Return the text with every secret hidden, then as `clean_text`."""
        return clean_text(self(text), length)

    def details(self, value: object, length: int, *, depth: int = 0) -> object:
        """Return what JSON holds with each text as `text`; what lies deeper than `DEEPEST` is left out."""
        if isinstance(value, str):
            return self.text(value, length)
        if not isinstance(value, (dict, list)):
            return value
        if depth == DEEPEST:
            return "..."
        if isinstance(value, list):
            return [self.details(entry, length, depth=depth + 1) for entry in value]
        return {self.text(name, length): self.details(entry, length, depth=depth + 1) for name, entry in value.items()}


NOTHING_TO_HIDE = Redactor([])


def _spellings(secret: str) -> Iterator[str]:
    if len(secret) < SHORTEST_SECRET:
        return
    yield "".join(map(_spelt, secret))
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        whole = encoded[(0, 2, 3)[shift] : (shift + len(secret.encode())) * 8 // 6]
        if len(whole) >= SHORTEST_BASE64:
            core = re.escape(whole).replace(r"\+", r"[+\-]").replace("/", "[/_]")
            yield rf"[\w+/\-]?{core}[\w+/\-]?=*"


def _spelt(character: str) -> str:
    code = f"{ord(character):02x}"
    return rf"(?:\\*{re.escape(character)}|\\+u(?i:00{code})|%(?i:{code}))"

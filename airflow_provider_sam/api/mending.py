r"""Result lines that no strict parser takes, though they were paid for: mended just as far as it takes to read them.

What no text can hold becomes U+FFFD: half of a surrogate pair (``\ud83d``), which a model may well write, and bytes
that are no UTF-8. What no JSON can hold becomes null: ``NaN`` and its kin. Whatever the mended line says, the line
itself is kept as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

UNREADABLE = "\ufffd"
"""What stands where there was something that is no character."""

LONGEST = 4_000_000
"""Bytes of a line that is mended, which takes some forty times its memory; no answer of a model is that long."""

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"({_HIGH}{_LOW})|{_HIGH}|{_LOW}|(\\.)", re.DOTALL)
_NO_NUMBER = re.compile(r'("(?:[^"\\]|\\.)*+")|NaN|-?Infinity', re.DOTALL)


def mended(data: bytes) -> bytes:
    """Return a line with what no parser takes replaced; one without such things comes back as it is.

    So does one of more than `LONGEST` bytes.
    """
    if len(data) > LONGEST:
        return data
    text = _ESCAPE.sub(_whole_characters, data.decode(errors="replace"))
    return _NO_NUMBER.sub(lambda found: found.group(1) or "null", text).encode()


def _whole_characters(found: re.Match[str]) -> str:
    return found.group(1) or found.group(2) or UNREADABLE


def text_of(message: Any) -> str:
    """Return the texts of all text blocks of a message, as JSON types, joined; empty where it holds none."""
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else []
    return "".join(text for block in blocks if isinstance(block, dict) and (text := _text_block(block)) is not None)


def _text_block(block: Mapping[str, Any]) -> str | None:
    text = block.get("text")
    return text if block.get("type") == "text" and isinstance(text, str) else None


def text_in(data: bytes) -> str:
    """Return the text of the message in a result line, whatever else is wrong with it; empty where there is none."""
    try:
        result = msgspec.json.decode(mended(data)).get("result")
    except (msgspec.MsgspecError, ValueError, AttributeError, RecursionError):
        return ""
    return text_of(result.get("message")) if isinstance(result, dict) else ""

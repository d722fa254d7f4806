"""How many tokens a request has: an estimate that is stable, grows with the text, and costs little.

Four UTF-8 bytes make a token, and each message, tool and document carries a small overhead. The real API says of its
own count that it is an estimate; nothing may depend on the exact number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BYTES_A_TOKEN = 4
_A_MESSAGE = 3
_A_TOOL = 12
_AN_IMAGE = 1_600
_A_LINKED_DOCUMENT = 3_000


def count_text(text: str) -> int:
    """Estimate the tokens of a text; an empty one has none."""
    return -(-len(text.encode()) // _BYTES_A_TOKEN)


def count_input(params: Mapping[str, Any]) -> int:
    """Estimate the input tokens of a message request: system, messages and tools."""
    total = _count_content(params.get("system", ""))
    for message in params.get("messages", ()):
        total += _A_MESSAGE + _count_content(message["content"])
    for tool in params.get("tools", ()):
        total += _A_TOOL + len(msgspec.json.encode(tool)) // _BYTES_A_TOKEN
    return max(1, total)


def count_cached(params: Mapping[str, Any]) -> int:
    """Estimate the tokens that ``cache_control`` marks ask to be cached: those of the marked system blocks."""
    system = params.get("system", "")
    if isinstance(system, str):
        return 0
    marked = [position for position, block in enumerate(system) if block.get("cache_control")]
    return _count_content(system[: marked[-1] + 1]) if marked else 0


def _count_content(content: str | Iterable[Mapping[str, Any]]) -> int:
    if isinstance(content, str):
        return count_text(content)
    return sum(_count_block(block) for block in content)


def _count_block(block: Mapping[str, Any]) -> int:
    match block.get("type"):
        case "text":
            return count_text(block["text"])
        case "image":
            return _AN_IMAGE
        case "document":
            return _count_document(block["source"])
        case "tool_result":
            return _count_content(block.get("content", ""))
        case _:
            return len(msgspec.json.encode(block)) // _BYTES_A_TOKEN


def _count_document(source: Mapping[str, Any]) -> int:
    match source["type"]:
        case "text":
            return count_text(source["data"])
        case "content":
            return _count_content(source["content"])
        case "base64":
            return len(source["data"]) // _BYTES_A_TOKEN
        case _:
            return _A_LINKED_DOCUMENT

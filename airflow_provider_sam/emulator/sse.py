"""Answers as server-sent events: the same message, told piece by piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.emulator.errors import envelope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MEDIA_TYPE = "text/event-stream"

_PIECES = re.compile(r"\s*\S+|\s+\Z")  # a word with the blanks before it; what blanks are left at the end
_JSON_PIECE = 24  # characters


def write_event(name: str, data: Mapping[str, Any]) -> bytes:
    """Write one event as it goes over the wire."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def error_event(error_type: str, message: str, request_id: str | None) -> bytes:
    """Write the event by which a stream fails after a 200."""
    return write_event("error", envelope(error_type, message, request_id))


def message_events(message: Mapping[str, Any]) -> Iterator[bytes]:
    """Tell a Message as the events of ``/v1/messages``."""
    beginning = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    beginning["usage"] = {**message["usage"], "output_tokens": 1}
    yield write_event("message_start", {"type": "message_start", "message": beginning})
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
        if index == 0:
            yield write_event("ping", {"type": "ping"})
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    yield write_event("message_delta", {"type": "message_delta", "delta": delta, "usage": message["usage"]})
    yield write_event("message_stop", {"type": "message_stop"})


def completion_events(completion: Mapping[str, Any]) -> Iterator[bytes]:
    """Tell a Completion as the events of ``/v1/complete``: each brings the next piece of the text."""
    for index, piece in enumerate(_PIECES.findall(completion["completion"])):
        yield write_event("completion", {**completion, "completion": piece, "stop_reason": None, "stop": None})
        if index == 0:
            yield write_event("ping", {"type": "ping"})
    yield write_event("completion", {**completion, "completion": ""})


def _block_events(index: int, block: Mapping[str, Any]) -> Iterator[bytes]:
    empty, deltas = _opened(block)
    yield write_event("content_block_start", {"type": "content_block_start", "index": index, "content_block": empty})
    for delta in deltas:
        yield write_event("content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta})
    yield write_event("content_block_stop", {"type": "content_block_stop", "index": index})


def _opened(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split a block into what it starts as and the deltas that fill it; a type we do not know starts as it is."""
    match block["type"]:
        case "text":
            return _opened_text(block)
        case "thinking":
            pieces = _PIECES.findall(block["thinking"])
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            text = msgspec.json.encode(block["input"]).decode()
            pieces = [text[start : start + _JSON_PIECE] for start in range(0, len(text), _JSON_PIECE)]
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]
            ]
        case _:
            return dict(block), []


def _opened_text(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in _PIECES.findall(block["text"])]
    citations = block.get("citations")
    if not citations:
        return {**block, "text": ""}, deltas
    deltas.extend({"type": "citations_delta", "citation": citation} for citation in citations)
    return {**block, "text": "", "citations": []}, deltas

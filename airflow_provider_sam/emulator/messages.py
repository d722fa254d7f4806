"""Messages as the emulator composes them: the blocks a request asks for, cut where it says, counted."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.emulator.ids import stable_id
from airflow_provider_sam.emulator.prompts import prompt_of, reply_to
from airflow_provider_sam.emulator.tokens import count_cached, count_input, count_text
from airflow_provider_sam.emulator.tools import given_input, tool_to_call, tool_use

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_QUOTE = 80  # characters


def compose(params: Mapping[str, Any], message_id: str, text: str | None = None) -> dict[str, Any]:
    """Compose the contract's ``Message`` for a valid request.

    :param text: what to say; None for a short line made from the prompt. A JSON object is the input of the tool that
        the request makes the model call, if it does
    """
    content, stop_reason, stop_sequence = _content(params, message_id, text)
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": usage(params, content),
    }


def usage(params: Mapping[str, Any], content: list[dict[str, Any]]) -> dict[str, Any]:
    """Count as the API does: what is written to the cache is not among the ``input_tokens``."""
    total, cached = count_input(params), count_cached(params)
    return {
        "input_tokens": total - cached,
        "cache_creation_input_tokens": cached,
        "cache_read_input_tokens": 0,
        "output_tokens": sum(_count_block(block) for block in content),
    }


def stop_text(text: str, params: Mapping[str, Any], limit: int) -> tuple[str, str, str | None]:
    """Cut a text where the request says: at a stop sequence, or after ``limit`` tokens.

    :return: the text, the stop reason, the stop sequence met
    """
    met = [
        (text.find(sequence), sequence)
        for sequence in params.get("stop_sequences", ())
        if sequence and sequence in text
    ]
    if met:
        position, sequence = min(met)
        if count_text(text[:position]) <= limit:
            return text[:position], "stop_sequence", sequence
    if count_text(text) > limit:
        return text.encode()[: max(0, limit) * 4].decode(errors="ignore"), "max_tokens", None
    return text, "end_turn", None


def _content(
    params: Mapping[str, Any], message_id: str, text: str | None
) -> tuple[list[dict[str, Any]], str, str | None]:
    prompt = prompt_of(params)
    content = [_thinking(prompt)] if params.get("thinking", {}).get("type") == "enabled" else []
    given = None if text is None else given_input(params, text)
    tool = tool_to_call(params) if text is None or given is not None else None
    if tool is not None:
        content.append(tool_use(tool, stable_id("toolu", message_id), prompt, given))
        return content, "tool_use", None
    text, reason, sequence = stop_text(reply_to(prompt) if text is None else text, params, int(params["max_tokens"]))
    block: dict[str, Any] = {"type": "text", "text": text}
    if citations := _citations(params):
        block["citations"] = citations
    return [*content, block], reason, sequence


def _thinking(prompt: str) -> dict[str, Any]:
    return {
        "type": "thinking",
        "thinking": f"The request has {len(prompt)} characters. A short answer will do.",
        "signature": base64.b64encode(hashlib.sha256(prompt.encode()).digest()).decode(),
    }


def _citations(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Quote the start of each plain-text document for which citations are enabled."""
    blocks = [
        block
        for message in params["messages"]
        if not isinstance(message["content"], str)
        for block in message["content"]
    ]
    documents = [block for block in blocks if block["type"] == "document"]
    return [
        {
            "type": "char_location",
            "cited_text": document["source"]["data"][:_LONGEST_QUOTE],
            "document_index": index,
            "document_title": document.get("title"),
            "start_char_index": 0,
            "end_char_index": min(_LONGEST_QUOTE, len(document["source"]["data"])),
        }
        for index, document in enumerate(documents)
        if document["source"]["type"] == "text" and document.get("citations", {}).get("enabled")
    ]


def _count_block(block: Mapping[str, Any]) -> int:
    return sum(count_text(str(value)) for name, value in block.items() if name in {"text", "thinking", "input"})

"""An answer that came whole where a stream was asked for, as the events that it stands for. Pure.

Some gateways do not stream. The answer was paid for all the same, so it is read like one that was streamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.base import loads
from airflow_provider_sam.api.models import Completion, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

TOLD_LAST = ("stop_reason", "stop_sequence")
"""Fields of a message that a stream tells at its end."""


def is_whole(response: httpx.Response) -> bool:
    """Return whether an answer says that it is one JSON document."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    return bool(kind.lower() == "application/json")


def read_events(body: bytes) -> list[dict[str, Any]]:
    """Return the data of the events of a message, a completion, or an error.

    :raises ValueError: the body is none of them; the text names the place, never the contents.
    """
    answer = loads(body)
    kind = answer.get("type") if isinstance(answer, dict) else None
    if kind == "message":
        Message.made_of(answer)
        return list(_events_of(answer))
    if kind == "completion":
        Completion.made_of(answer)
    elif kind != "error":
        raise ValueError("neither events, nor a message, nor a completion")
    return [answer]


def _events_of(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    told_last = {name: message[name] for name in TOLD_LAST if name in message}
    yield {"type": "message_start", "message": {**message, **dict.fromkeys(told_last), "content": []}}
    for index, block in enumerate(message["content"]):
        text = block["text"] if block.get("type") == "text" else ""
        begun = {**block, "text": ""} if text else block
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        if text:
            yield {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": told_last}
    yield {"type": "message_stop"}

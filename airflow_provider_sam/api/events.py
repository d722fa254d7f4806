"""The events of a streamed message, and the pieces they carry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Tag, TypeAdapter

from airflow_provider_sam.api.base import UNKNOWN, ApiObject, UnknownType, by_type
from airflow_provider_sam.api.content import Citation, ContentBlock  # noqa: TC001  # read when the classes are made
from airflow_provider_sam.api.models import Message  # noqa: TC001  # as above

__all__ = [
    "CitationsDelta",
    "CompletionEvent",
    "CompletionStreamEvent",
    "ContentBlockDeltaEvent",
    "ContentBlockStartEvent",
    "ContentBlockStopEvent",
    "Delta",
    "InputJsonDelta",
    "MessageChange",
    "MessageDeltaEvent",
    "MessageEvent",
    "MessageStartEvent",
    "MessageStopEvent",
    "PingEvent",
    "SignatureDelta",
    "TextDelta",
    "ThinkingDelta",
    "UnknownDelta",
    "UnknownEvent",
    "UsageSoFar",
]


class TextDelta(ApiObject):
    """More text of a text block."""

    type: Literal["text_delta"]
    text: str


class InputJsonDelta(ApiObject):
    """More of the JSON of a tool's input; a whole document only once the block stops."""

    type: Literal["input_json_delta"]
    partial_json: str


class ThinkingDelta(ApiObject):
    """More of what the model thinks."""

    type: Literal["thinking_delta"]
    thinking: str


class SignatureDelta(ApiObject):
    """The signature of a thinking block."""

    type: Literal["signature_delta"]
    signature: str


class CitationsDelta(ApiObject):
    """One more citation of a text block."""

    type: Literal["citations_delta"]
    citation: Citation


class UnknownDelta(UnknownType):
    """A piece of a type newer than we are."""


Delta = Annotated[
    Annotated[TextDelta, Tag("text_delta")]
    | Annotated[InputJsonDelta, Tag("input_json_delta")]
    | Annotated[ThinkingDelta, Tag("thinking_delta")]
    | Annotated[SignatureDelta, Tag("signature_delta")]
    | Annotated[CitationsDelta, Tag("citations_delta")]
    | Annotated[UnknownDelta, Tag(UNKNOWN)],
    by_type("text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"),
]


class MessageStartEvent(ApiObject):
    """The message begins; its content is still empty."""

    type: Literal["message_start"]
    message: Message


class ContentBlockStartEvent(ApiObject):
    """Block number `index` begins."""

    type: Literal["content_block_start"]
    index: int
    content_block: ContentBlock


class ContentBlockDeltaEvent(ApiObject):
    """Block number `index` goes on."""

    type: Literal["content_block_delta"]
    index: int
    delta: Delta


class ContentBlockStopEvent(ApiObject):
    """Block number `index` is whole."""

    type: Literal["content_block_stop"]
    index: int


class MessageChange(ApiObject):
    """What has become known of the message."""

    stop_reason: str | None = None
    stop_sequence: str | None = None


class UsageSoFar(ApiObject):
    """Tokens counted so far, cumulative; a count that is absent or null is unchanged."""

    output_tokens: int | None = None
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class MessageDeltaEvent(ApiObject):
    """The message as a whole has changed."""

    type: Literal["message_delta"]
    delta: MessageChange
    usage: UsageSoFar | None = None


class MessageStopEvent(ApiObject):
    """The message is whole."""

    type: Literal["message_stop"]


class PingEvent(ApiObject):
    """Nothing but a sign of life."""

    type: Literal["ping"]


class UnknownEvent(UnknownType):
    """An event of a type newer than we are."""


MessageEvent = Annotated[
    Annotated[MessageStartEvent, Tag("message_start")]
    | Annotated[ContentBlockStartEvent, Tag("content_block_start")]
    | Annotated[ContentBlockDeltaEvent, Tag("content_block_delta")]
    | Annotated[ContentBlockStopEvent, Tag("content_block_stop")]
    | Annotated[MessageDeltaEvent, Tag("message_delta")]
    | Annotated[MessageStopEvent, Tag("message_stop")]
    | Annotated[PingEvent, Tag("ping")]
    | Annotated[UnknownEvent, Tag(UNKNOWN)],
    by_type(
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
    ),
]


class CompletionEvent(ApiObject):
    """More of a completion; the one with a `stop_reason` is the last."""

    type: Literal["completion"]
    completion: str
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None


CompletionStreamEvent = Annotated[
    Annotated[CompletionEvent, Tag("completion")]
    | Annotated[PingEvent, Tag("ping")]
    | Annotated[UnknownEvent, Tag(UNKNOWN)],
    by_type("completion", "ping"),
]


def kept_text(event: MessageEvent | CompletionStreamEvent) -> str | None:
    """Return what is kept of an event where that is nothing but a text; None where more of it is kept."""
    match event:
        case PingEvent() | UnknownEvent():
            return ""
        case CompletionEvent() if not event.model_extra:
            return event.completion
        case ContentBlockDeltaEvent() if not event.model_extra and not event.delta.model_extra:
            return _text_of(event.delta)
    return None


def _text_of(delta: Delta) -> str | None:
    match delta:
        case TextDelta():
            return delta.text
        case ThinkingDelta():
            return delta.thinking
        case SignatureDelta():
            return delta.signature
        case InputJsonDelta():
            return delta.partial_json
    return None


MESSAGE_EVENTS: TypeAdapter[MessageEvent] = TypeAdapter(MessageEvent)
COMPLETION_EVENTS: TypeAdapter[CompletionStreamEvent] = TypeAdapter(CompletionStreamEvent)

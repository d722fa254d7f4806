"""What a message is made of: content blocks and their citations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Tag

from airflow_provider_sam.api.base import UNKNOWN, ApiObject, UnknownType, by_type

__all__ = [
    "CharLocationCitation",
    "Citation",
    "ContentBlock",
    "ContentBlockLocationCitation",
    "PageLocationCitation",
    "RedactedThinkingBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolUseBlock",
    "UnknownBlock",
    "UnknownCitation",
]


class CharLocationCitation(ApiObject):
    """A place in a plain text document, by characters."""

    type: Literal["char_location"]
    cited_text: str
    document_index: int
    document_title: str | None = None
    start_char_index: int
    end_char_index: int


class PageLocationCitation(ApiObject):
    """A place in a PDF document, by pages."""

    type: Literal["page_location"]
    cited_text: str
    document_index: int
    document_title: str | None = None
    start_page_number: int
    end_page_number: int


class ContentBlockLocationCitation(ApiObject):
    """A place in a document made of content blocks, by blocks."""

    type: Literal["content_block_location"]
    cited_text: str
    document_index: int
    document_title: str | None = None
    start_block_index: int
    end_block_index: int


class UnknownCitation(UnknownType):
    """A citation of a type newer than we are."""


Citation = Annotated[
    Annotated[CharLocationCitation, Tag("char_location")]
    | Annotated[PageLocationCitation, Tag("page_location")]
    | Annotated[ContentBlockLocationCitation, Tag("content_block_location")]
    | Annotated[UnknownCitation, Tag(UNKNOWN)],
    by_type("char_location", "page_location", "content_block_location"),
]


class TextBlock(ApiObject):
    """Text that the model wrote."""

    type: Literal["text"]
    text: str
    citations: list[Citation] | None = None


class ToolUseBlock(ApiObject):
    """A tool that the model wants to have called, with its input."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: Any = None


class ThinkingBlock(ApiObject):
    """What the model thought before it answered, signed."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinkingBlock(ApiObject):
    """Thoughts that are only handed back encrypted."""

    type: Literal["redacted_thinking"]
    data: str


class UnknownBlock(UnknownType):
    """A content block of a type newer than we are."""


ContentBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ThinkingBlock, Tag("thinking")]
    | Annotated[RedactedThinkingBlock, Tag("redacted_thinking")]
    | Annotated[UnknownBlock, Tag(UNKNOWN)],
    by_type("text", "tool_use", "thinking", "redacted_thinking"),
]

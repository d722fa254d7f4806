"""What a request is made of, typed for editors: blocks, sources, citations, tools. Names as in the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Base64ImageSource",
    "Base64PdfSource",
    "BashTool20241022",
    "BashTool20250124",
    "BetaTool",
    "CacheControl",
    "CitationsConfig",
    "ComputerUseTool20241022",
    "ComputerUseTool20250124",
    "ContentBlockSource",
    "PlainTextSource",
    "RequestBlock",
    "RequestCharLocationCitation",
    "RequestCitation",
    "RequestContentBlockLocationCitation",
    "RequestDocumentBlock",
    "RequestImageBlock",
    "RequestPageLocationCitation",
    "RequestRedactedThinkingBlock",
    "RequestTextBlock",
    "RequestThinkingBlock",
    "RequestToolResultBlock",
    "RequestToolUseBlock",
    "TextEditor20241022",
    "TextEditor20250124",
    "Tool",
    "ToolInputSchema",
    "URLImageSource",
    "URLPdfSource",
]


class CacheControl(TypedDict):
    """Lets the API keep everything up to here for the next request."""

    type: Literal["ephemeral"]


class CitationsConfig(TypedDict, total=False):
    """Whether the model cites the document."""

    enabled: bool


class Base64ImageSource(TypedDict):
    """An image in the request itself."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class URLImageSource(TypedDict):
    """An image that the API fetches."""

    type: Literal["url"]
    url: str


class Base64PdfSource(TypedDict):
    """A PDF document in the request itself."""

    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: str


class URLPdfSource(TypedDict):
    """A PDF document that the API fetches."""

    type: Literal["url"]
    url: str


class PlainTextSource(TypedDict):
    """A text document."""

    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class RequestCharLocationCitation(TypedDict):
    """A place in a plain text document, as an earlier answer cited it."""

    type: Literal["char_location"]
    cited_text: str
    document_index: int
    document_title: str | None
    start_char_index: int
    end_char_index: int


class RequestPageLocationCitation(TypedDict):
    """A place in a PDF document, as an earlier answer cited it."""

    type: Literal["page_location"]
    cited_text: str
    document_index: int
    document_title: str | None
    start_page_number: int
    end_page_number: int


class RequestContentBlockLocationCitation(TypedDict):
    """A place in a document of content blocks, as an earlier answer cited it."""

    type: Literal["content_block_location"]
    cited_text: str
    document_index: int
    document_title: str | None
    start_block_index: int
    end_block_index: int


RequestCitation = RequestCharLocationCitation | RequestPageLocationCitation | RequestContentBlockLocationCitation


class RequestTextBlock(TypedDict, total=False):
    """Text."""

    type: Required[Literal["text"]]
    text: Required[str]
    cache_control: CacheControl | None
    citations: Sequence[RequestCitation] | None


class RequestImageBlock(TypedDict, total=False):
    """An image."""

    type: Required[Literal["image"]]
    source: Required[Base64ImageSource | URLImageSource]
    cache_control: CacheControl | None


class ContentBlockSource(TypedDict):
    """A document made of blocks."""

    type: Literal["content"]
    content: str | Sequence[RequestTextBlock | RequestImageBlock]


class RequestDocumentBlock(TypedDict, total=False):
    """A document."""

    type: Required[Literal["document"]]
    source: Required[Base64PdfSource | PlainTextSource | ContentBlockSource | URLPdfSource]
    cache_control: CacheControl | None
    citations: CitationsConfig
    context: str | None
    title: str | None


class RequestToolUseBlock(TypedDict, total=False):
    """A tool that an earlier answer asked for."""

    type: Required[Literal["tool_use"]]
    id: Required[str]
    name: Required[str]
    input: Required[Any]
    cache_control: CacheControl | None


class RequestToolResultBlock(TypedDict, total=False):
    """What a tool gave."""

    type: Required[Literal["tool_result"]]
    tool_use_id: Required[str]
    content: str | Sequence[RequestTextBlock | RequestImageBlock]
    is_error: bool
    cache_control: CacheControl | None


class RequestThinkingBlock(TypedDict):
    """What the model thought in an earlier answer, unchanged."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class RequestRedactedThinkingBlock(TypedDict):
    """What the model thought in an earlier answer, encrypted."""

    type: Literal["redacted_thinking"]
    data: str


RequestBlock = (
    RequestTextBlock
    | RequestImageBlock
    | RequestToolUseBlock
    | RequestToolResultBlock
    | RequestDocumentBlock
    | RequestThinkingBlock
    | RequestRedactedThinkingBlock
)


class ToolInputSchema(TypedDict, total=False):
    """The JSON schema of a tool's input; more keywords of JSON schema may stand in it."""

    type: Required[Literal["object"]]
    properties: Mapping[str, Any] | None


class Tool(TypedDict, total=False):
    """A tool that the model may ask for."""

    name: Required[str]
    input_schema: Required[ToolInputSchema]
    description: str
    cache_control: CacheControl | None


class BetaTool(TypedDict, total=False):
    """A tool that the model may ask for, on the beta route."""

    name: Required[str]
    input_schema: Required[ToolInputSchema]
    description: str
    type: Literal["custom"] | None
    cache_control: CacheControl | None


class BashTool20250124(TypedDict, total=False):
    """A shell."""

    type: Required[Literal["bash_20250124"]]
    name: Required[Literal["bash"]]
    cache_control: CacheControl | None


class BashTool20241022(TypedDict, total=False):
    """A shell, older; beta route only."""

    type: Required[Literal["bash_20241022"]]
    name: Required[Literal["bash"]]
    cache_control: CacheControl | None


class TextEditor20250124(TypedDict, total=False):
    """A text editor."""

    type: Required[Literal["text_editor_20250124"]]
    name: Required[Literal["str_replace_editor"]]
    cache_control: CacheControl | None


class TextEditor20241022(TypedDict, total=False):
    """A text editor, older; beta route only."""

    type: Required[Literal["text_editor_20241022"]]
    name: Required[Literal["str_replace_editor"]]
    cache_control: CacheControl | None


class ComputerUseTool20250124(TypedDict, total=False):
    """A screen, a mouse and a keyboard; beta route only."""

    type: Required[Literal["computer_20250124"]]
    name: Required[Literal["computer"]]
    display_height_px: Required[int]
    display_width_px: Required[int]
    display_number: int | None
    cache_control: CacheControl | None


class ComputerUseTool20241022(TypedDict, total=False):
    """A screen, a mouse and a keyboard, older; beta route only."""

    type: Required[Literal["computer_20241022"]]
    name: Required[Literal["computer"]]
    display_height_px: Required[int]
    display_width_px: Required[int]
    display_number: int | None
    cache_control: CacheControl | None

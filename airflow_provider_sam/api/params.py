"""The parameters of requests, typed so that an editor completes them; anything newer than they are is sent unchanged.

Names and fields are those of the contract's schemas. Whatever takes one of these takes any mapping too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

from airflow_provider_sam.api.param_blocks import (
    BashTool20241022,
    BashTool20250124,
    BetaTool,
    ComputerUseTool20241022,
    ComputerUseTool20250124,
    RequestBlock,
    RequestTextBlock,
    TextEditor20241022,
    TextEditor20250124,
    Tool,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AnyTool",
    "BatchRequest",
    "BatchRequestParams",
    "BetaBatchRequest",
    "BetaCountTokensParams",
    "BetaMessageCreateParams",
    "CompleteCreateParams",
    "CompletionParams",
    "CountTokensParams",
    "InputMessage",
    "MessageCreateParams",
    "MessageParams",
    "Metadata",
    "PlainTool",
    "ThinkingConfigDisabled",
    "ThinkingConfigEnabled",
    "TokenParams",
    "ToolChoiceAny",
    "ToolChoiceAuto",
    "ToolChoiceNone",
    "ToolChoiceTool",
]


class InputMessage(TypedDict):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    content: str | Sequence[RequestBlock]


class Metadata(TypedDict, total=False):
    """About the request."""

    user_id: str | None


class ThinkingConfigEnabled(TypedDict):
    """The model may think before it answers."""

    type: Literal["enabled"]
    budget_tokens: int


class ThinkingConfigDisabled(TypedDict):
    """The model answers at once."""

    type: Literal["disabled"]


class ToolChoiceAuto(TypedDict, total=False):
    """The model decides whether it uses a tool."""

    type: Required[Literal["auto"]]
    disable_parallel_tool_use: bool


class ToolChoiceAny(TypedDict, total=False):
    """The model has to use some tool."""

    type: Required[Literal["any"]]
    disable_parallel_tool_use: bool


class ToolChoiceTool(TypedDict, total=False):
    """The model has to use this tool."""

    type: Required[Literal["tool"]]
    name: Required[str]
    disable_parallel_tool_use: bool


class ToolChoiceNone(TypedDict):
    """The model may use no tool."""

    type: Literal["none"]


PlainTool = Tool | BashTool20250124 | TextEditor20250124
AnyTool = (
    BetaTool
    | ComputerUseTool20241022
    | BashTool20241022
    | TextEditor20241022
    | ComputerUseTool20250124
    | BashTool20250124
    | TextEditor20250124
)


class _Prompt(TypedDict, total=False):
    """What a message and the counting of its tokens share."""

    model: Required[str]
    messages: Required[Sequence[InputMessage]]
    system: str | Sequence[RequestTextBlock]
    thinking: ThinkingConfigEnabled | ThinkingConfigDisabled
    tool_choice: ToolChoiceAuto | ToolChoiceAny | ToolChoiceTool | ToolChoiceNone


class _Sampling(TypedDict, total=False):
    """How a message's answer is written."""

    max_tokens: Required[int]
    metadata: Metadata
    stop_sequences: Sequence[str]
    stream: bool
    temperature: float
    top_k: int
    top_p: float


class MessageCreateParams(_Prompt, _Sampling, total=False):
    """A message. ``stream`` is set by the client's method, never by the caller."""

    tools: Sequence[PlainTool]


class BetaMessageCreateParams(_Prompt, _Sampling, total=False):
    """A message on the beta route."""

    tools: Sequence[AnyTool]


class CountTokensParams(_Prompt, total=False):
    """A message whose tokens are to be counted."""

    tools: Sequence[PlainTool]


class BetaCountTokensParams(_Prompt, total=False):
    """A message whose tokens are to be counted, on the beta route."""

    tools: Sequence[AnyTool]


class BatchRequest(TypedDict):
    """One request of a batch."""

    custom_id: str
    params: MessageCreateParams


class BetaBatchRequest(TypedDict):
    """One request of a batch, on the beta route."""

    custom_id: str
    params: BetaMessageCreateParams


class CompleteCreateParams(TypedDict, total=False):
    """A text to continue (legacy)."""

    model: Required[str]
    prompt: Required[str]
    max_tokens_to_sample: Required[int]
    metadata: Metadata
    stop_sequences: Sequence[str]
    stream: bool
    temperature: float
    top_k: int
    top_p: float


MessageParams = MessageCreateParams | BetaMessageCreateParams | Mapping[str, Any]
"""What a method takes as a message's parameters: typed ones for the editor, or any mapping."""

TokenParams = CountTokensParams | BetaCountTokensParams | Mapping[str, Any]
CompletionParams = CompleteCreateParams | Mapping[str, Any]
BatchRequestParams = BatchRequest | BetaBatchRequest | Mapping[str, Any]

"""One message whose answer has a type: how it is asked for, how it is read, and how it is asked for once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.exceptions import SamInvalidOutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_sam.api.models import Message
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.rows.requests.output_type import OutputType

_SHOWN = 2000
"""Characters of an answer that the log shows."""

_LASTING = {
    "max_tokens": (
        "the answer was cut off at max_tokens",
        "Raise max_tokens; otherwise a retry is likely to be cut off too.",
    ),
    "pause_turn": (
        "the model paused before it answered",
        "A retry asks anew; use no tools that the API itself runs, or fewer of them.",
    ),
    "refusal": (
        "the model refused to answer",
        "A retry asks anew; if the model refuses again, change the prompt.",
    ),
}
"""Stop reasons after which another turn would help nothing: what happened, and how to go on."""


def create_typed(
    params: Mapping[str, Any], output_type: OutputType, send: Callable[[Mapping[str, Any]], Message], *, log: Logger
) -> Any:
    """Return an answer of a type, as plain JSON data. An answer that is not of it is asked for once more.

    :param params: of the message, without the type.
    :param send: creates a message.
    :raises SamRequestError: the conversation leaves no room for an answer; nothing was sent.
    :raises SamInvalidOutputError: the second answer is not of the type either, or none was given.
    """
    from airflow_provider_sam.rows.requests.output_type import InvalidOutputError

    if _ends_with_the_assistant(params):
        raise SamRequestError(
            "messages end with a turn of the assistant, which the answer would continue; with output_type, end them "
            "with a turn of the user"
        )
    asked = output_type.direct(params)
    first = send(asked)
    try:
        return output_type.value(answer_text(first))
    except InvalidOutputError as problem:
        log.warning("The answer is not of output_type, so the model is asked once more: %s", problem.reason)
        second = send(repair_turn(asked, first, problem.reason))
    text = answer_text(second)
    try:
        return output_type.value(text)
    except InvalidOutputError as problem:
        log.warning("The second answer: %.*r", _SHOWN, text)
        raise SamInvalidOutputError(
            f"the answer is not of output_type, nor was the one before it: {problem.reason}",
            reason=problem.reason,
            answer=text,
            stop_reason=second.stop_reason,
        ) from None


def answer_text(message: Message) -> str:
    """Return the JSON of a message's answer: the input of its call of the tool for answers, or its text.

    :raises SamInvalidOutputError: the model gave no whole answer, and would not do so if it were told.
    """
    from airflow_provider_sam.api.content import ToolUseBlock
    from airflow_provider_sam.batches.tables import ANSWER_TOOL

    calls = [block for block in message.content if isinstance(block, ToolUseBlock)]
    if message.stop_reason in _LASTING:
        what, hint = _LASTING[message.stop_reason]
    elif other := next((call.name for call in calls if call.name != ANSWER_TOOL), None):
        what = f"the model called the tool {other!r} instead of giving an answer"
        hint = "This task runs no tools: leave them out, or set tool_choice to {'type': 'none'}."
    else:
        return json.dumps(calls[0].input) if calls else message.text
    raise SamInvalidOutputError(
        f"{what} (stop_reason {message.stop_reason})", reason=what, stop_reason=message.stop_reason, hint=hint
    )


def repair_turn(params: Mapping[str, Any], message: Message, reason: str) -> dict[str, Any]:
    """Return the parameters that show the model its answer and what is wrong with it, and ask for another.

    :param params: those that the answer was given to.
    """
    turn = message.model_dump(mode="json", exclude_unset=True)["content"]
    content = [block for block in turn if block.get("type") != "text" or block["text"].strip()]  # the API's own rule
    said = f"The answer is not valid: {reason}. Give the whole answer again, corrected."
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "is_error": True, "content": said}
        for block in content
        if block.get("type") == "tool_use"
    ]
    turns = [{"role": "assistant", "content": content}] if content else []
    return {**params, "messages": [*params["messages"], *turns, {"role": "user", "content": results or said}]}


def _ends_with_the_assistant(params: Mapping[str, Any]) -> bool:
    match params.get("messages"):
        case [*_, {"role": "assistant"}]:
            return True
    return False

"""What one result line answers: the facts that stand beside a row, read without building the rest of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_sam.api.jsonl import Line
from airflow_provider_sam.api.mending import mended
from airflow_provider_sam.api.tally import NO_JSON, UsageTally, tally
from airflow_provider_sam.batches.tables import ANSWER_TOOL, INT64

if TYPE_CHECKING:
    from airflow_provider_sam.api.tally import LineTally


class Answer(NamedTuple):
    """One result as a table has it; None where its outcome has no such fact, or it cannot be read.

    :param outcome: ``succeeded``, ``errored``, ``canceled``, ``expired``, or a type newer than we are.
    :param text: the texts of the message, joined; or, where it calls the tool `ANSWER_TOOL`, the JSON of that call's
        input as it came.
    :param error: the API's type of the error and its message: ``invalid_request_error: model: ...``.
    """

    custom_id: str
    outcome: str
    text: str | None = None
    error: str | None = None
    stop_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"")


class _Message(msgspec.Struct, gc=False):
    content: list[_Block] = []
    model: str | None = None
    stop_reason: str | None = None
    usage: UsageTally | None = None


class _Error(msgspec.Struct, gc=False):
    type: str | None = None
    message: str | None = None


class _ErrorResponse(msgspec.Struct, gc=False):
    error: _Error | None = None


class _Result(msgspec.Struct, gc=False):
    type: str
    message: _Message | None = None
    error: _ErrorResponse | None = None


class _Line(msgspec.Struct, gc=False):
    custom_id: str
    result: _Result


class _Content(msgspec.Struct):
    content: list[Any] = []


class _ContentResult(msgspec.Struct):
    message: _Content | None = None


class _ContentLine(msgspec.Struct):
    result: _ContentResult


_decode = msgspec.json.Decoder(_Line).decode
_decode_block = msgspec.json.Decoder(_Block).decode


def answer_of(line: bytes) -> Answer:
    """Return what a result line answers.

    What is no character in it, half of a surrogate pair or no UTF-8, is U+FFFD; what else is wrong with a line that was
    paid for is absent from its answer.

    :raises SamResponseError: it is no result.
    """
    try:
        found = _decode(line)
        text = None if found.result.message is None else _text(found.result.message.content)
    except NO_JSON:
        return _answer_loosely(line)
    error = found.result.error.error if found.result.error else None
    message = found.result.message
    return Answer(
        found.custom_id,
        found.result.type,
        text,
        _error(error.type, error.message) if error else None,
        message.stop_reason if message else None,
        message.model if message else None,
        *_tokens(message.usage if message else None),
    )


def _text(blocks: list[_Block]) -> str:
    for block in blocks:
        if block.type == "tool_use" and block.name == ANSWER_TOOL and block.input:
            return bytes(block.input).decode()
    return "".join([block.text or "" for block in blocks if block.type == "text"])


def _error(kind: str | None, message: str | None) -> str | None:
    return ": ".join(part for part in (kind, message) if part) or None


def _tokens(usage: UsageTally | None) -> tuple[int | None, int | None, int | None, int | None]:
    if usage is None:
        return None, None, None, None
    return (
        _fitting(usage.input_tokens),
        _fitting(usage.output_tokens),
        _fitting(usage.cache_creation_input_tokens),
        _fitting(usage.cache_read_input_tokens),
    )


def _fitting(count: int | None) -> int | None:
    """Return a count that a column can hold; what a server counts beyond that is absent."""
    return count if count is None or count in INT64 else None


def _answer_loosely(line: bytes) -> Answer:
    found: LineTally = tally(Line(1, 0, line))
    return Answer(
        found.custom_id,
        found.outcome,
        _text_loosely(line) if found.result.message else None,
        _error(found.error_type, found.error_message),
        found.stop_reason,
        found.model,
        *_tokens(found.usage),
    )


def _text_loosely(line: bytes) -> str:
    """Return the text of a line in which something else is not as it should be; a block that is none is left out."""
    try:
        found = msgspec.json.decode(mended(line), type=_ContentLine).result.message
    except NO_JSON:
        return ""
    return _text(list(filter(None, map(_block, found.content if found else []))))


def _block(value: Any) -> _Block | None:
    try:
        return _decode_block(msgspec.json.encode(value))
    except (*NO_JSON, TypeError):
        return None

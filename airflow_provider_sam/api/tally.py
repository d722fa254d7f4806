"""What is counted of a result line, read without building the rest of it: as fast as the disk, not as a model.

A line is a result if it is an object that says its `custom_id` and its outcome. Whatever else is wrong with it, it was
paid for: it is counted, and what cannot be read of it counts as absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.mending import UNREADABLE, mended

if TYPE_CHECKING:
    from airflow_provider_sam.api.jsonl import Line


T = TypeVar("T")

NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for what it cannot read; a wrong type is one of the first."""

_ABSENT = msgspec.Raw(b"null")


class UsageTally(msgspec.Struct, frozen=True, gc=False):
    """Tokens of one result; null or absent counts as 0 where they are summed."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class MessageTally(msgspec.Struct, frozen=True, gc=False):
    """What is counted of a message."""

    model: str | None = None
    stop_reason: str | None = None
    usage: UsageTally | None = None


class _Error(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None
    message: str | None = None


class _ErrorResponse(msgspec.Struct, frozen=True, gc=False):
    error: _Error | None = None


class _Result(msgspec.Struct, frozen=True, gc=False):
    type: str
    message: MessageTally | None = None
    error: _ErrorResponse | None = None


class LineTally(msgspec.Struct, frozen=True, gc=False):
    """The facts of one result line; None where its outcome has no such fact."""

    custom_id: str
    result: _Result

    @property
    def outcome(self) -> str:
        """``succeeded``, ``errored``, ``canceled``, ``expired``, or a type newer than we are."""
        return self.result.type

    @property
    def model(self) -> str | None:
        """The model that answered."""
        return self.result.message.model if self.result.message else None

    @property
    def stop_reason(self) -> str | None:
        """Why the model stopped."""
        return self.result.message.stop_reason if self.result.message else None

    @property
    def usage(self) -> UsageTally | None:
        """The tokens it took."""
        return self.result.message.usage if self.result.message else None

    @property
    def error_type(self) -> str | None:
        """The API's type of the request's error."""
        error = self.result.error.error if self.result.error else None
        return error.type if error else None

    @property
    def error_message(self) -> str | None:
        """The API's message about the request's error."""
        error = self.result.error.error if self.result.error else None
        return error.message if error else None


class _LooseMessage(msgspec.Struct):
    model: msgspec.Raw = _ABSENT
    stop_reason: msgspec.Raw = _ABSENT
    usage: msgspec.Raw = _ABSENT


class _LooseResult(msgspec.Struct):
    type: str
    message: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _LooseLine(msgspec.Struct):
    custom_id: str
    result: _LooseResult


_decoder = msgspec.json.Decoder(LineTally)


def tally(line: Line) -> LineTally:
    """Read what is counted of one result line.

    :raises SamResponseError: the line is torn or no result; the message names its number and offset.
    """
    try:
        return _decoder.decode(line.data)
    except NO_JSON:
        return _tally_loosely(line)


def _tally_loosely(line: Line) -> LineTally:
    """Read a line in which something is not as it should be: its name and outcome, and what else can be read."""
    try:
        found = msgspec.json.decode(mended(line.data), type=_LooseLine)
    except NO_JSON as error:
        raise unreadable(line, str(error)) from None
    if UNREADABLE in found.custom_id:
        raise unreadable(line, "its custom_id is not text")
    message = _part(found.result.message, MessageTally) or _loose_message(found.result.message)
    result = _Result(found.result.type, message, _part(found.result.error, _ErrorResponse))
    return LineTally(found.custom_id, result)


def _loose_message(raw: msgspec.Raw) -> MessageTally | None:
    message = _part(raw, _LooseMessage)
    if message is None:
        return None
    return MessageTally(_part(message.model, str), _part(message.stop_reason, str), _part(message.usage, UsageTally))


def _part(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except NO_JSON:
        return None


def tally_block(block: bytes | memoryview, lines: int) -> list[LineTally] | None:
    r"""Read what is counted of many whole lines at once, at about twice the speed of one by one.

    :param block: lines with their ``\n``.
    :param lines: how many.
    :return: None where lines and results are not the same in number: blank lines, torn ones, or no results at all.
        Reading them one by one tells which.
    """
    try:
        results = _decoder.decode_lines(block)
    except NO_JSON:
        return None
    return results if len(results) == lines else None


def unreadable(line: Line, reason: str) -> SamResponseError:
    """Return the error for a result line that cannot be read."""
    return SamResponseError(
        f"line {line.number}, {len(line.data)} bytes from byte {line.offset} on, is not a result: {reason}",
        operation="stream_results",
    )

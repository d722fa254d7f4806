"""Events in, the whole answer out: a streamed message or completion put together. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from airflow_provider_sam.api import events
from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.models import Completion, Message
from airflow_provider_sam.api.receiving import check_values

if TYPE_CHECKING:
    from airflow_provider_sam.api.base import ApiObject


UNKNOWN_DELTAS = "unknown_deltas"
"""The field of a block that holds what is newer than we are in its pieces: whole ones, or single fields of others."""


class _Block:
    """One content block while its pieces arrive."""

    def __init__(self, started: events.ContentBlockStartEvent) -> None:
        self._fields = _as_json(started.content_block)
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = []
        self._unknown: list[Any] = []
        self.keep(started)

    def keep(self, event: ApiObject) -> None:
        """Keep what an event says of the block that is newer than we are."""
        self._fields = (event.model_extra or {}) | self._fields

    def add(self, event: events.ContentBlockDeltaEvent) -> None:
        """Take one piece. What is newer in it belongs to no field that we know: it is kept as it came."""
        self.keep(event)
        delta = event.delta
        if isinstance(delta, events.TextDelta):
            self._append("text", delta.text)
        elif isinstance(delta, events.ThinkingDelta):
            self._append("thinking", delta.thinking)
        elif isinstance(delta, events.SignatureDelta):
            self._append("signature", delta.signature)
        elif isinstance(delta, events.InputJsonDelta):
            self._append("input", delta.partial_json)
        elif isinstance(delta, events.CitationsDelta):
            self._citations.append(_as_json(delta.citation))
        if isinstance(delta, events.UnknownDelta):
            self._unknown.append(_as_json(delta))
        elif delta.model_extra:
            self._unknown.append({"type": delta.type, **delta.model_extra})

    def whole(self) -> dict[str, Any]:
        """Return the block with its pieces joined.

        :raises ValueError: a tool's input is no JSON.
        """
        joined: dict[str, Any] = {name: "".join(pieces) for name, pieces in self._pieces.items()}
        if "input" in joined:
            # A tool without arguments streams an empty piece: then what the block began with holds. A message that
            # reaches max_tokens may end inside the JSON: then what has come holds.
            told = _input(joined["input"]) if joined["input"] else self._fields.get("input")
            joined["input"] = told
        if self._citations:
            joined["citations"] = [*(self._fields.get("citations") or []), *self._citations]
        if self._unknown:
            joined[UNKNOWN_DELTAS] = self._unknown
        return self._fields | joined

    def _append(self, name: str, piece: str) -> None:
        if name not in self._pieces:
            begun = self._fields.get(name)
            self._pieces[name] = [begun] if isinstance(begun, str) else []
        self._pieces[name].append(piece)


class MessageAccumulator:
    """Puts a `Message` together. `finished` says that ``message_stop`` has come."""

    def __init__(self) -> None:
        self.finished = False
        self._fields: dict[str, Any] | None = None
        self._blocks: dict[int, _Block] = {}

    def add(self, event: events.MessageEvent) -> None:
        """Take one event.

        :raises SamResponseError: a piece comes before what it belongs to.
        """
        if isinstance(event, events.MessageStartEvent):
            self._fields = (event.model_extra or {}) | _as_json(event.message)
        elif isinstance(event, events.ContentBlockStartEvent):
            self._blocks[event.index] = _Block(event)
        elif isinstance(event, events.ContentBlockDeltaEvent):
            self._block(event.index).add(event)
        elif isinstance(event, events.ContentBlockStopEvent) and event.model_extra:
            self._block(event.index).keep(event)
        elif isinstance(event, events.MessageDeltaEvent):
            self._change(event)
        elif isinstance(event, events.MessageStopEvent):
            self._fields = (event.model_extra or {}) | self._begun()
            self.finished = True

    def result(self) -> Message:
        """Return the message as far as it has come.

        :raises SamResponseError: the events make no message.
        """
        fields = self._begun()
        try:
            content = [self._blocks[index].whole() for index in sorted(self._blocks)]
            return Message.made_of({**fields, "content": [*fields["content"], *content]})
        except ValueError as error:
            raise SamResponseError(
                f"the stream's events do not form a message: {error}", operation="stream_message"
            ) from None

    def _change(self, event: events.MessageDeltaEvent) -> None:
        fields = self._begun()
        fields.update(event.model_extra or {})
        fields.update(_as_json(event.delta))
        if event.usage:
            counted = {name: count for name, count in _as_json(event.usage).items() if count is not None}
            fields["usage"] = {**fields["usage"], **counted}

    def _block(self, index: int) -> _Block:
        if index not in self._blocks:
            raise SamResponseError(
                f"the stream continues block {index}, which never started", operation="stream_message"
            )
        return self._blocks[index]

    def _begun(self) -> dict[str, Any]:
        if self._fields is None:
            raise SamResponseError("the stream did not start with message_start", operation="stream_message")
        return self._fields


class CompletionAccumulator:
    """Puts a `Completion` together. `finished` says that its `stop_reason` has come."""

    def __init__(self) -> None:
        self.finished = False
        self._fields: dict[str, Any] = {}
        self._pieces: list[str] = []

    def add(self, event: events.CompletionStreamEvent) -> None:
        """Take one event."""
        if isinstance(event, events.CompletionEvent):
            self._fields |= _as_json(event)
            self._pieces.append(event.completion)
            self.finished = event.stop_reason is not None

    def result(self) -> Completion:
        """Return the completion as far as it has come; its id is empty if the server streams none.

        :raises SamResponseError: the events make no completion.
        """
        fields = {"id": "", **self._fields, "completion": "".join(self._pieces)}
        try:
            return Completion.made_of(fields)
        except ValueError as error:
            raise SamResponseError(
                f"the stream's events do not form a completion: {error}", operation="stream_completion"
            ) from None


def _as_json(value: ApiObject) -> dict[str, Any]:
    return value.model_dump(mode="json", exclude_unset=True)


def _input(text: str) -> Any:
    check_values(text.encode("utf-8", "surrogatepass"))
    try:
        return from_json(text, allow_partial=True)
    except ValueError:
        # The standard library's takes half of a surrogate pair for what it is.
        return json.loads(text)

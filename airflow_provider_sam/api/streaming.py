"""Answers while they are written: server-sent events become typed ones, and are put together on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pydantic

from airflow_provider_sam.api import events
from airflow_provider_sam.api.accumulate import CompletionAccumulator, MessageAccumulator
from airflow_provider_sam.api.answers import request_id
from airflow_provider_sam.api.base import places
from airflow_provider_sam.api.errors import SamDisconnectedError, SamResponseError
from airflow_provider_sam.api.failures import MESSAGE_CHARACTERS, stream_error
from airflow_provider_sam.api.receiving import StreamSize, check_values

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx
    from httpx_sse import ServerSentEvent

    from airflow_provider_sam.api.drivers import AsyncDriver, Driver
    from airflow_provider_sam.api.models import Completion, Message
    from airflow_provider_sam.api.operation import Request
    from airflow_provider_sam.api.settings import ClientSettings

__all__ = [
    "AsyncCompletionStream",
    "AsyncEventStream",
    "AsyncMessageStream",
    "CompletionStream",
    "EventStream",
    "MessageStream",
]

EventT = TypeVar("EventT")
EventT_contra = TypeVar("EventT_contra", contravariant=True)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


NEEDED = frozenset(
    {
        *("message", "error", "completion", "message_start", "message_delta", "message_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
    }
)
"""Events whose data is part of the answer; whatever the data of any other is, it is ignored."""


class Accumulator(Protocol[EventT_contra, ResultT_co]):
    """Puts events together; `finished` says that the last one has come."""

    finished: bool

    def add(self, event: EventT_contra) -> None:
        """Take one event."""

    def result(self) -> ResultT_co:
        """Return what the events add up to."""


class EventReader(Generic[EventT, ResultT]):
    """Everything about a stream but its I/O."""

    def __init__(
        self,
        adapter: pydantic.TypeAdapter[EventT],
        accumulator: Accumulator[EventT, ResultT],
        request: Request,
        response: httpx.Response,
        settings: ClientSettings,
    ) -> None:
        self._adapter = adapter
        self._accumulator = accumulator
        self._operation = request.operation
        self._redact = settings.redact
        self._size = StreamSize(settings.limits.max_answer_bytes)
        self._request_id = request_id(response, settings)

    @property
    def finished(self) -> bool:
        """Whether the answer is whole."""
        return self._accumulator.finished

    def read(self, received: ServerSentEvent | dict[str, Any]) -> EventT:
        """Read one event, or its data where that was read before.

        :raises SamStatusError: it is an ``error`` event; the class is that of its type.
        :raises SamResponseError: it is no event of the API.
        """
        name, data = (
            (received["type"], received) if isinstance(received, dict) else (received.event, self._json(received))
        )
        if name == "error" or data.get("type") == "error":
            raise stream_error(data, operation=self._operation, request_id=self._request_id, redact=self._redact)
        try:
            event = self._adapter.validate_python({"type": name, **data})
        except pydantic.ValidationError as error:
            raise self._unreadable(f"a {name!r} event is wrong, {places(error)}") from None
        if not isinstance(received, dict):
            self._note_size(received.data, event)
        self._accumulator.add(event)
        return event

    def result(self) -> ResultT:
        """Return the whole answer.

        :raises SamDisconnectedError: the stream ended before the answer did.
        """
        if not self.finished:
            raise SamDisconnectedError(
                "the stream was cut before its end", operation=self._operation, request_id=self._request_id
            )
        return self._accumulator.result()

    def _json(self, sse: ServerSentEvent) -> dict[str, Any]:
        try:
            check_values(sse.data.encode())
            data = json.loads(sse.data)
        except (ValueError, RecursionError) as error:
            if sse.event not in NEEDED:
                return {}
            raise self._unreadable(f"the data of a {sse.event!r} event is not JSON: {error}") from None
        if not isinstance(data, dict):
            if sse.event not in NEEDED:
                return {}
            raise self._unreadable(f"the data of a {sse.event!r} event is not a JSON object")
        if not isinstance(data.get("type", ""), str):
            del data["type"]
        return data

    def _note_size(self, data: str, event: Any) -> None:
        try:
            self._size.add(data, text=events.kept_text(event))
        except ValueError as error:
            raise self._unreadable(str(error)) from None

    def _unreadable(self, problem: str) -> SamResponseError:
        problem = self._redact.text(problem, MESSAGE_CHARACTERS)
        return SamResponseError(problem, operation=self._operation, request_id=self._request_id)


def message_reader(
    request: Request, response: httpx.Response, settings: ClientSettings
) -> EventReader[events.MessageEvent, Message]:
    """Return the reader of a streamed message."""
    return EventReader(events.MESSAGE_EVENTS, MessageAccumulator(), request, response, settings)


def completion_reader(
    request: Request, response: httpx.Response, settings: ClientSettings
) -> EventReader[events.CompletionStreamEvent, Completion]:
    """Return the reader of a streamed completion."""
    return EventReader(events.COMPLETION_EVENTS, CompletionAccumulator(), request, response, settings)


def text_of(event: object) -> str:
    """Return the text that an event adds to the answer; empty for every other event."""
    if isinstance(event, events.ContentBlockDeltaEvent) and isinstance(event.delta, events.TextDelta):
        return event.delta.text
    return event.completion if isinstance(event, events.CompletionEvent) else ""


class EventStream(Generic[EventT, ResultT]):
    """Iterate to get the events; what has been read is not given again."""

    def __init__(
        self, received: Iterator[ServerSentEvent | dict[str, Any]], reader: EventReader[EventT, ResultT]
    ) -> None:
        self._received = received
        self._reader = reader
        self._events = self._read()

    def __iter__(self) -> Iterator[EventT]:
        return self._events

    @property
    def text_stream(self) -> Iterator[str]:
        """The text alone, in the pieces in which it comes."""
        return (text for text in map(text_of, self._events) if text)

    def _read(self) -> Iterator[EventT]:
        for event in self._received:
            yield self._reader.read(event)
            if self._reader.finished:
                return
        self._reader.result()  # raises: the connection has ended before the answer

    def _finish(self) -> ResultT:
        for _ in self._events:
            pass
        return self._reader.result()


class MessageStream(EventStream[events.MessageEvent, "Message"]):
    """A message while it is written.

    Iterating raises `SamDisconnectedError` where the stream ends before ``message_stop``, and the class of its type
    for an ``error`` event.
    """

    def __init__(self, driver: Driver, request: Request, response: httpx.Response) -> None:
        super().__init__(driver.events(request, response), message_reader(request, response, driver.settings))

    def get_final_message(self) -> Message:
        """Read what is left of the stream, and give the whole message."""
        return self._finish()


class CompletionStream(EventStream[events.CompletionStreamEvent, "Completion"]):
    """A completion while it is written; it ends with the event that has a `stop_reason`."""

    def __init__(self, driver: Driver, request: Request, response: httpx.Response) -> None:
        super().__init__(driver.events(request, response), completion_reader(request, response, driver.settings))

    def get_final_completion(self) -> Completion:
        """Read what is left of the stream, and give the whole completion."""
        return self._finish()


class AsyncEventStream(Generic[EventT, ResultT]):
    """Iterate to get the events; what has been read is not given again."""

    def __init__(
        self, received: AsyncIterator[ServerSentEvent | dict[str, Any]], reader: EventReader[EventT, ResultT]
    ) -> None:
        self._received = received
        self._reader = reader
        self._events = self._read()

    def __aiter__(self) -> AsyncIterator[EventT]:
        return self._events

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The text alone, in the pieces in which it comes."""
        return self._text()

    async def _text(self) -> AsyncIterator[str]:
        async for event in self._events:
            if text := text_of(event):
                yield text

    async def _read(self) -> AsyncIterator[EventT]:
        async for event in self._received:
            yield self._reader.read(event)
            if self._reader.finished:
                return
        self._reader.result()  # raises: the connection has ended before the answer

    async def _finish(self) -> ResultT:
        async for _ in self._events:
            pass
        return self._reader.result()


class AsyncMessageStream(AsyncEventStream[events.MessageEvent, "Message"]):
    """A message while it is written; otherwise as `MessageStream`."""

    def __init__(self, driver: AsyncDriver, request: Request, response: httpx.Response) -> None:
        super().__init__(driver.events(request, response), message_reader(request, response, driver.settings))

    async def get_final_message(self) -> Message:
        """Read what is left of the stream, and give the whole message."""
        return await self._finish()


class AsyncCompletionStream(AsyncEventStream[events.CompletionStreamEvent, "Completion"]):
    """A completion while it is written; otherwise as `CompletionStream`."""

    def __init__(self, driver: AsyncDriver, request: Request, response: httpx.Response) -> None:
        super().__init__(driver.events(request, response), completion_reader(request, response, driver.settings))

    async def get_final_completion(self) -> Completion:
        """Read what is left of the stream, and give the whole completion."""
        return await self._finish()

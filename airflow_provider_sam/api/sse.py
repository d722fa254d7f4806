"""Bytes in, server-sent events out (HTML standard, 9.2.6), each no larger than a limit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from httpx_sse import ServerSentEvent, SSEError

from airflow_provider_sam.api.receiving import Inflater

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS_OF_A_STREAM = 4
"""How many times the limit of one event a whole stream may have: its events add up to one answer."""

LINE_OVERHEAD = 64
"""Bytes that a line of data takes beside its own: an event of many tiny lines must not take many times its size."""


class EventSplitter:
    """Cuts the chunks of a streamed answer into events.

    :param limit: most bytes of one event.
    :raises SSEError: the answer is none of events.
    :raises httpx.DecodingError: its content-encoding was not asked for.
    """

    def __init__(self, response: httpx.Response, limit: int) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind.lower() != "text/event-stream":
            raise SSEError(f"its content-type is {kind[:80]!r}, not 'text/event-stream'")
        self._inflater = Inflater(response)
        self._limit = limit
        self._total = 0
        self._size = 0
        self._pending: list[bytes] = []
        self._after_return = False
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Return the events that `chunk` completes; what has no data is none.

        :raises httpx.DecodingError: an event, or all of them together, are larger than the limit.
        """
        for piece in self._inflater.feed(chunk):
            self._total += len(piece)
            for line in self._lines(piece):
                if line:
                    self._take(line)
                elif event := self._completed():
                    yield event
            if self._total > EVENTS_OF_A_STREAM * self._limit:
                raise httpx.DecodingError(
                    f"its events have more than {EVENTS_OF_A_STREAM * self._limit} bytes together"
                )

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        if self._after_return:
            piece = piece.removeprefix(b"\n")
        self._after_return = piece.endswith(b"\r")
        *ended, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in ended:
            self._grow(len(line))
            yield b"".join([*self._pending, line])
            self._pending.clear()
        self._grow(len(rest))
        if rest:
            self._pending.append(rest)

    def _grow(self, count: int) -> None:
        self._size += count
        if self._size > self._limit:
            raise httpx.DecodingError(
                f"one of its events has more than {self._limit} bytes, the limit of max_answer_bytes"
            )

    def _take(self, line: bytes) -> None:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._grow(LINE_OVERHEAD)
            self._data.append(value)

    def _completed(self) -> ServerSentEvent | None:
        event = ServerSentEvent(event=self._event or "message", data="\n".join(self._data))
        self._size, self._event, self._data = 0, "", []
        return event if event.data else None

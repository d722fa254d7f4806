"""How faults are brought about: on the answer's bytes as they are sent, and on the connection itself."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from airflow_provider_sam.emulator.faults import (
    AlteredBatch,
    Cut,
    Effect,
    Lines,
    ListedTwice,
    Slow,
    SseError,
    Stall,
    effect_of,
)
from airflow_provider_sam.emulator.sse import error_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Receive, Send

    from airflow_provider_sam.emulator.requestlog import RequestRecord

_FOREIGN = b'{"custom_id":"not-of-this-batch","result":{"type":"canceled"}}\n'
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing sends RST
_FLUSH_PAUSE = 0.005  # seconds
_READ_PAUSE = 0.05  # seconds


class Connection:
    """The client's connection, to be broken off.

    :param transport: of the server's protocol
    :param receive: tells when the server knows that the connection is gone
    """

    def __init__(self, transport: asyncio.Transport, receive: Receive) -> None:
        self._transport = transport
        self._receive = receive
        self.is_closed = False

    async def close(self, *, reset: bool) -> None:
        """Close by FIN, or by RST; what was sent before still goes out, but no client need read it before an RST."""
        self.is_closed = True
        # A transport tells of its buffer to the protocol alone, which is uvicorn's; so it is asked now and then.
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_FLUSH_PAUSE)
        if not reset:
            self._transport.close()
            return
        await asyncio.sleep(_READ_PAUSE)  # a reset overtakes what the client has not read yet
        wire: socket.socket | None = self._transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    async def closed(self) -> None:
        """Wait until the server knows."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Alteration(Protocol):
    """Something that changes the answer's bytes on their way."""

    def feed(self, data: bytes) -> bytes:
        """Take what comes, return what goes on."""

    def finish(self) -> bytes:
        """Return what is left when the answer ends."""


class WrongLine:
    """Makes one line wrong."""

    def __init__(self, effect: Lines) -> None:
        self._effect = effect
        self._number = 0
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Pass whole lines on, the wrong one changed."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return b"".join(self._line(line + b"\n") for line in whole)

    def finish(self) -> bytes:
        """Pass on a last line that has no line feed."""
        return self._line(self._rest) if self._rest else b""

    def _line(self, line: bytes) -> bytes:
        number, self._number = self._number, self._number + 1
        if number != self._effect.line:
            return line
        match self._effect.what:
            case "torn":
                return line[: len(line) // 2] + b"\n"
            case "duplicate":
                return line + line
            case "missing":
                return b""
            case "foreign":
                return line + _FOREIGN
            case "replaced":
                return self._effect.text.encode() + b"\n"


class FailingEvents:
    """Lets some events pass, then tells of an error, then nothing."""

    def __init__(self, effect: SseError, request_id: str) -> None:
        self._left = effect.after_events
        self._error = error_event(effect.error_type, effect.message, request_id)
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Pass whole events on until it is time."""
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        passed = b"".join(event + b"\n\n" for event in whole[: self._left])
        self._left = max(0, self._left - len(whole))
        return passed + (b"" if self._left else self.finish())

    def finish(self) -> bytes:
        """Tell of the error, once; also when the stream was too short for it."""
        error, self._error = self._error, b""
        return error


class WrongBatch:
    """Changes how a batch reads in a JSON answer, once the answer is whole; leaves any other answer as it is."""

    def __init__(self, effect: AlteredBatch | ListedTwice) -> None:
        self._effect = effect
        self._answer = b""

    def feed(self, data: bytes) -> bytes:
        """Keep everything back."""
        self._answer += data
        return b""

    def finish(self) -> bytes:
        """Pass the changed answer on."""
        try:
            answer = msgspec.json.decode(self._answer)
        except msgspec.DecodeError:
            return self._answer
        return msgspec.json.encode(altered(answer, self._effect))


def altered(answer: Any, effect: AlteredBatch | ListedTwice) -> Any:
    """Return an answer that shows a batch, or a page of them, as the effect has it."""
    if not isinstance(answer, dict):
        return answer
    listed = answer.get("data")
    batches = listed if isinstance(listed, list) else [answer]
    at = next((at for at, each in enumerate(batches) if effect.batch_id in {None, each.get("id")}), None)
    if at is None:
        return answer
    if isinstance(effect, ListedTwice):
        return {**answer, "data": [*batches[: at + 1], *batches[at:]]} if batches is listed else answer
    changed = {name: value for name, value in (batches[at] | effect.fields).items() if name not in effect.without}
    return {**answer, "data": [*batches[:at], changed, *batches[at + 1 :]]} if batches is listed else changed


class FaultySend:
    """An ASGI ``send`` that fills in the record and works the effects on the answer."""

    def __init__(self, send: Send, connection: Connection, record: RequestRecord, effects: tuple[Effect, ...]) -> None:
        self._send = send
        self._connection = connection
        self._record = record
        self._alterations = [part for effect in effects if (part := _alteration(effect, record.request_id)) is not None]
        self._slow = effect_of(effects, Slow)
        self._stall = effect_of(effects, Stall)
        self._cut = effect_of(effects, Cut)

    async def __call__(self, message: Message) -> None:
        """Send one ASGI message, or what the effects make of it."""
        if self._connection.is_closed:
            return
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
            if self._alterations:
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            await self._send(message)
            return
        data, more = bytes(message.get("body", b"")), message.get("more_body", False)
        for alteration in self._alterations:
            data = alteration.feed(data) + (b"" if more else alteration.finish())
        for piece in self._pieces(data):
            await self._send_piece(piece)
        if not more and not self._connection.is_closed:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        size = len(data) if self._slow is None else self._slow.chunk_bytes
        return (data[start : start + size] for start in range(0, len(data), max(1, size)))

    async def _send_piece(self, piece: bytes) -> None:
        if self._connection.is_closed:
            return
        if self._stall is not None and self._record.answer_bytes + len(piece) >= self._stall.after_bytes:
            stall, self._stall = self._stall, None
            head = max(0, stall.after_bytes - self._record.answer_bytes)
            await self._write(piece[:head])
            await asyncio.sleep(stall.seconds)
            piece = piece[head:]
        if self._cut is not None and self._record.answer_bytes + len(piece) >= self._cut.after_bytes:
            await self._write(piece[: max(0, self._cut.after_bytes - self._record.answer_bytes)])
            await self._connection.close(reset=self._cut.reset)
            return
        await self._write(piece)
        if self._slow is not None:
            await asyncio.sleep(self._slow.pause)

    async def _write(self, piece: bytes) -> None:
        self._record.answer_bytes += len(piece)  # before the client can have it, and ask the log
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})


def _alteration(effect: Effect, request_id: str) -> Alteration | None:
    if isinstance(effect, Lines):
        return WrongLine(effect)
    if isinstance(effect, SseError):
        return FailingEvents(effect, request_id)
    if isinstance(effect, AlteredBatch | ListedTwice):
        return WrongBatch(effect)
    return None

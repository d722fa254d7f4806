"""How much of an answer is taken into memory, whatever the other side sends: bounded gathering and inflating. Pure."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

ACCEPT_ENCODING = "gzip"
"""The one compression that is asked for, and understood."""

INFLATED_AT_ONCE = 1024 * 1024
"""Most bytes that are decompressed at a time: a few of them may stand for a thousand times as many."""

MOST_VALUES = 250_000
"""Most values in one piece of JSON. Each becomes an object: 64 MB of ``{},`` would take over 1 GB."""

PIECE_OVERHEAD = 64
"""Bytes that a piece of a text takes beside its own."""

_GZIP = zlib.MAX_WBITS | 16
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


class Inflater:
    """Undoes the content-encoding of an answer, in pieces of at most `INFLATED_AT_ONCE` bytes.

    :raises httpx.DecodingError: the encoding is another one than was asked for.
    """

    def __init__(self, response: httpx.Response) -> None:
        encoding = encoding_of(response)
        if encoding not in {"identity", "gzip", "x-gzip"}:
            raise httpx.DecodingError(f"content-encoding {encoding[:80]!r} was not asked for")
        self._gzip = None if encoding == "identity" else zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Return what `chunk` stands for, piece by piece.

        :raises httpx.DecodingError: it is not what its encoding says.
        """
        if self._gzip is None or not chunk:
            yield chunk
            return
        self._begun = True
        piece = b""
        while chunk or len(piece) == INFLATED_AT_ONCE:
            if self._gzip.eof:
                raise httpx.DecodingError("more bytes follow the end of the compressed data")
            try:
                piece = self._gzip.decompress(chunk, INFLATED_AT_ONCE)
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from None
            yield piece
            chunk = self._gzip.unused_data or self._gzip.unconsumed_tail

    def end(self) -> None:
        """Take note that nothing follows.

        :raises httpx.DecodingError: the compressed bytes ended too early.
        """
        if self._gzip is not None and self._begun and not self._gzip.eof:
            raise httpx.DecodingError("the compressed data ends too early")


class Gathering:
    """The body of an answer while it comes in: at most `limit` bytes of it, decompressed.

    :raises httpx.DecodingError: as `Inflater`.
    """

    def __init__(self, response: httpx.Response, limit: int) -> None:
        self._inflater = Inflater(response)
        self._limit = limit
        self._pieces: list[bytes] = []
        self._room = limit
        self.cut = False
        """Whether there was more than the limit."""

    def add(self, chunk: bytes) -> bool:
        """Take the next bytes, and return whether more of them are wanted.

        :raises httpx.DecodingError: as `Inflater`.
        """
        for piece in self._inflater.feed(chunk):
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)
            if self._room < 0:
                self.cut = True
                return False
        return True

    def data(self) -> bytes:
        """Return the bytes that were taken.

        :raises httpx.DecodingError: the compressed bytes ended too early.
        """
        if not self.cut:
            self._inflater.end()
        return b"".join(self._pieces)


class StreamSize:
    """How much a streamed answer adds up to; it has the limits of one that is read whole.

    :param limit: most bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = self._values = 0

    def add(self, data: str, *, text: str | None) -> None:
        """Take note of an event.

        :param data: its data.
        :param text: what is kept of it, where that is a text alone.
        :raises ValueError: all events together hold more than an answer may.
        """
        if text == "":
            return
        self._bytes += PIECE_OVERHEAD + len(data if text is None else text)
        if text is None:
            self._values += _values(_STRING.sub(b"", data.encode("utf-8", "surrogatepass")))
        if self._bytes > self._limit:
            raise ValueError(f"its events add up to more than {self._limit} bytes, the limit of max_answer_bytes")
        if self._values > MOST_VALUES:
            raise ValueError(f"its events add up to more than {MOST_VALUES} values")


def encoding_of(response: httpx.Response) -> str:
    """Return the answer's content-encoding, ``identity`` where it has none."""
    return response.headers.get("content-encoding", "").strip().lower() or "identity"


def received(response: httpx.Response) -> Iterator[bytes]:
    """Return the bytes of an open answer as they came over the wire.

    httpx's own way would decompress them without a bound.

    :raises httpx.StreamClosed: the answer is no longer open.
    """
    _check_open(response)
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101  # for the type checker: a blocking client's
    yield from response.stream


async def areceived(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Return the bytes of an open answer as they came over the wire; otherwise as `received`."""
    _check_open(response)
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  # for the type checker: an awaiting client's
    async for chunk in response.stream:
        yield chunk


def check_values(data: bytes) -> None:
    """Check that JSON holds no more than `MOST_VALUES` values, before an object is made of each.

    :raises ValueError: it holds more.
    """
    if _most_values(data) <= MOST_VALUES:
        return
    # A text may hold any number of commas: look again, without the texts.
    if _most_values(_STRING.sub(b"", data)) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")


def _most_values(data: bytes) -> int:
    """Return a number of values that there cannot be more of."""
    if len(data) <= MOST_VALUES:
        return 0
    return _values(data)


def _values(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _check_open(response: httpx.Response) -> None:
    # An answer that a stand-in for the network made of bytes is closed from the start, and consumed.
    if response.is_closed and not response.is_stream_consumed:
        raise httpx.StreamClosed

"""How long reading may take in all, where httpx limits the wait for the next bytes alone.

A server that sends a byte now and then, or one provisional answer (1xx) after another, keeps every such wait short. So
the whole head of an answer has the read time-out of its request, counted from when the request is out; and the body of
an answer that is read whole has the same time once more.

httpx hands each new connection's stream to the documented extension ``trace``, and tells it when the head of an answer
is waited for. The moment at which reading must end belongs to the task or thread that reads.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)

NEW_STREAM = (".connect_tcp.complete", ".start_tls.complete")
HEAD = ".receive_response_headers."


@contextmanager
def read_within(seconds: float) -> Iterator[None]:
    """Limit what is read in the block to a number of seconds together.

    Reading beyond them raises `httpx.ReadTimeout`.
    """
    before = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(before)


def trace(event: str, info: Mapping[str, Any]) -> None:
    """Take note of what a blocking connection does: limit each new stream, and each head that is waited for."""
    if event.endswith(NEW_STREAM):
        stream = info["return_value"]
        stream.read = _limited(stream.read)
    elif HEAD in event:
        _limit_head(event, info)


async def atrace(event: str, info: Mapping[str, Any]) -> None:
    """Take note of what an awaiting connection does, as `trace`."""
    if event.endswith(NEW_STREAM):
        stream = info["return_value"]
        stream.read = _alimited(stream.read)
    elif HEAD in event:
        _limit_head(event, info)


def _limit_head(event: str, info: Mapping[str, Any]) -> None:
    begins = event.endswith(".started")
    _ends_at.set(time.monotonic() + info["request"].extensions["timeout"]["read"] if begins else math.inf)


def _limited(read: Callable[[int, float | None], bytes]) -> Callable[..., bytes]:
    def limited(max_bytes: int, timeout: float | None = None) -> bytes:
        return read(max_bytes, _shortened(timeout))

    return limited


def _alimited(read: Callable[[int, float | None], Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
    async def limited(max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as httpcore calls it
        return await read(max_bytes, _shortened(timeout))

    return limited


def _shortened(timeout: float | None) -> float | None:
    """Return the time-out of one read: what is left, if that is less."""
    ends_at = _ends_at.get()
    if ends_at == math.inf:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        raise httpx.ReadTimeout("the answer takes too long")
    return left if timeout is None else min(timeout, left)

"""Between our requests and httpx: what is handed over, and how. No I/O."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.bodies import counted
from airflow_provider_sam.api.failures import MESSAGE_CHARACTERS
from airflow_provider_sam.api.receiving import ACCEPT_ENCODING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from airflow_provider_sam.api.operation import Request
    from airflow_provider_sam.api.settings import ClientSettings


API_VERSION = "2023-06-01"


WIDE_READ = 1024 * 1024
"""Most bytes to take from a socket at a time, where httpx would take 64 KiB: reads are dear, and a gigabyte is many."""


def client_arguments(settings: ClientSettings) -> dict[str, Any]:
    """Return what both clients of httpx are made with.

    `trust_env` lets the proxy variables of the environment hold where the connection names no proxy, and
    ``SSL_CERT_FILE`` where it names no CA bundle. It reads no ``.netrc``: httpx does so only when asked.

    :raises SamRequestError: the CA bundle cannot be read.
    """
    return {
        "base_url": settings.base_url,
        "headers": {
            "x-api-key": settings.api_key,
            "anthropic-version": API_VERSION,
            "accept": "application/json",
            "accept-encoding": ACCEPT_ENCODING,
            "user-agent": settings.user_agent,
        },
        "proxy": _proxy(settings),
        "verify": _trust(settings.ca_bundle),
        "follow_redirects": False,
        "trust_env": True,
    }


@contextmanager
def configured() -> Iterator[None]:
    """Say clearly what httpx refuses of the settings, such as a host whose name cannot be one.

    :raises SamRequestError: the client cannot be made.
    """
    try:
        yield
    except errors.SamRequestError:
        raise
    except (ValueError, httpx.InvalidURL) as error:
        raise errors.SamRequestError(f"no client can be made with these settings: {error}") from None


def request_arguments(request: Request, settings: ClientSettings) -> dict[str, Any]:
    """Return what httpx builds its request from, but for the content."""
    headers = dict(request.headers)
    if request.body is not None:
        headers["content-type"] = "application/json"
        length = len(request.body) if isinstance(request.body, bytes) else request.body.content_length
        headers["content-length"] = str(length)
    return {
        "method": request.method,
        "url": request.path,
        "params": dict(request.query),
        "headers": headers,
        "timeout": httpx.Timeout(
            connect=settings.connect_timeout,
            read=request.read_timeout,
            write=settings.write_timeout,
            pool=settings.connect_timeout,
        ),
    }


def content(request: Request) -> bytes | Iterator[bytes] | None:
    """Return the body to send, from its beginning."""
    if request.body is None or isinstance(request.body, bytes):
        return request.body
    return counted(request.body)


def async_content(request: Request) -> bytes | AsyncIterator[bytes] | None:
    """Return the body to send, from its beginning; a streamed one is read in a thread, as it may come from a disk."""
    body = content(request)
    return body if body is None or isinstance(body, bytes) else _in_threads(body)


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


class WideRead:
    """The `read` of a connection's stream, with more bytes asked for."""

    def __init__(self, read: Callable[..., bytes]) -> None:
        self._read = read

    def __call__(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what there is, at least one byte unless the stream has ended."""
        return self._read(max(max_bytes, WIDE_READ), timeout)


def read_widely(response: httpx.Response) -> None:
    """Let an open answer take as much from its socket at a time as there is, up to `WIDE_READ`.

    httpx hands out the connection's stream as the documented extension ``network_stream``; how much it asks of it
    cannot be set otherwise. Transports that have no such stream are left as they are.
    """
    stream = response.extensions.get("network_stream")
    if stream is not None and not isinstance(stream.read, WideRead):
        stream.read = WideRead(stream.read)


def _proxy(settings: ClientSettings) -> httpx.Proxy | None:
    try:
        return httpx.Proxy(settings.proxy) if settings.proxy else None
    except (ValueError, httpx.InvalidURL) as error:
        problem = settings.redact.text(str(error), MESSAGE_CHARACTERS)
        raise errors.SamRequestError(f"no client can be made with this proxy: {problem}") from None


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    if ca_bundle is None:
        return _usual_trust()
    try:
        if Path(ca_bundle).is_dir():
            return ssl.create_default_context(capath=ca_bundle)
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise errors.SamRequestError(f"ca_bundle {ca_bundle!r} cannot be read as PEM certificates: {error}") from None


@cache
def _usual_trust() -> ssl.SSLContext:
    """Read the usual authorities once a process: it takes 50 ms, and a triggerer makes its clients in an event loop."""
    return httpx.create_ssl_context()

"""Between our requests and httpx: what is handed over, how failures are told apart, how answers are read. No I/O."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import httpx
from httpx_sse import SSEError

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.bodies import counted
from airflow_provider_sam.api.failures import status_error
from airflow_provider_sam.api.receiving import ACCEPT_ENCODING, check_values, encoding_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from airflow_provider_sam.api.operation import Operation, Request
    from airflow_provider_sam.api.settings import ClientSettings

T = TypeVar("T")

ErrorT = TypeVar("ErrorT", bound=errors.SamError)

API_VERSION = "2023-06-01"

RATE_LIMIT = "anthropic-ratelimit-"
"""How the names of all headers about rate limits begin."""

MAY_HAVE_RUN = (
    errors.SamTimeoutError,
    errors.SamDisconnectedError,
    errors.SamServerError,
    errors.SamGatewayTimeoutError,
)
"""Errors whose advice is about what a request may have done."""

WIDE_READ = 1024 * 1024
"""Most bytes to take from a socket at a time, where httpx would take 64 KiB: reads are dear, and a gigabyte is many."""

GARBLED = b"(compressed in a way that cannot be read)"
"""What stands for the body of an error whose content-encoding is wrong."""

LOST_DURING_HANDSHAKE = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""TLS errors that only say that the other side went away."""


def client_arguments(settings: ClientSettings) -> dict[str, Any]:
    """Give what both clients of httpx are made with.

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
        "proxy": settings.proxy,
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
        raise errors.SamRequestError(f"these settings make no client: {error}") from None


def request_arguments(request: Request, settings: ClientSettings) -> dict[str, Any]:
    """Give what httpx builds its request from, but for the content."""
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
    """Give the body to send, from its beginning."""
    if request.body is None or isinstance(request.body, bytes):
        return request.body
    return counted(request.body)


def async_content(request: Request) -> bytes | AsyncIterator[bytes] | None:
    """Give the body to send, from its beginning; a streamed one is read in a thread, as it may come from a disk."""
    body = content(request)
    return body if body is None or isinstance(body, bytes) else _in_threads(body)


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


@contextmanager
def translated(request: Request, settings: ClientSettings) -> Iterator[None]:
    """Let nothing of httpx out of the block: what it raises becomes the error of our tree that says the same."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise transport_error(error, request, settings) from error


def transport_error(
    error: httpx.HTTPError | httpx.StreamError, request: Request, settings: ClientSettings
) -> errors.SamError:
    """Tell apart what httpx raises: nothing sent, no trust, too slow, broken off, unreadable."""
    host = urlsplit(settings.base_url).netloc
    kind: type[errors.SamError]
    match error:
        case httpx.ConnectTimeout():
            kind, what = errors.SamConnectError, f"no connection to {host} within {settings.connect_timeout:g} s"
        case httpx.PoolTimeout():
            kind, what = errors.SamConnectError, "all connections of this client stayed in use"
        case httpx.ConnectError() | httpx.ProxyError():
            kind = errors.SamTLSError if _is_tls(error) else errors.SamConnectError
            what = f"no connection to {host}: {error}"
        case httpx.WriteTimeout():
            kind, what = errors.SamTimeoutError, f"{host} took no bytes for {settings.write_timeout:g} s"
        case httpx.TimeoutException():
            kind, what = errors.SamTimeoutError, f"{host} sent no bytes for {request.read_timeout:g} s"
        case SSEError():
            kind, what = errors.SamResponseError, f"{host} answered with something else than events: {error}"
        case httpx.TransportError():
            kind, what = errors.SamDisconnectedError, f"the connection to {host} broke: {error}"
        case _:
            kind, what = errors.SamResponseError, f"the answer of {host} cannot be read: {error}"
    return _with_outlook(kind(what, operation=request.operation), request, settings)


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


def refusal(response: httpx.Response, body: bytes, request: Request, settings: ClientSettings) -> errors.SamStatusError:
    """Return the error for an answer that refuses the request.

    :param body: as much of the answer's body as is looked at.
    """
    error = status_error(
        response.status_code,
        response.headers,
        # Some proxies show the request they refuse, with its headers.
        body.replace(settings.api_key.encode(), b"***"),
        operation=request.operation,
        now=datetime.now(UTC),
    )
    return _with_outlook(error, request, settings)


def value(response: httpx.Response, body: bytes, operation: Operation[T]) -> T:
    """Read the value from a successful answer, already received.

    :raises SamResponseError: it is not what the API answers.
    """
    try:
        check_values(body)
        return operation.read(body)
    except ValueError as error:
        kind = response.headers.get("content-type", "no content type")
        what = f"{len(body)} bytes of {kind[:80]}"
        raise _unreadable(response, operation, f"its {what} are not the answer: {error}") from None


def too_long(response: httpx.Response, operation: Operation[T], limit: int) -> errors.SamResponseError:
    """Return the error for a successful answer of which no more is read."""
    return _unreadable(response, operation, f"with more than {limit} bytes, the limit of max_answer_bytes")


def check_stored(response: httpx.Response, request: Request) -> None:
    """Check that results come as they are stored: a compressed answer has no bound, and cannot be continued.

    :raises SamResponseError: they are encoded.
    """
    if (encoding := encoding_of(response)) != "identity":
        raise _unreadable(
            response,
            request,
            f"with content-encoding {encoding[:80]!r}, which was not asked for; "
            "something between here and the API compresses results, and must leave them as they are",
        )


def rate_limits(response: httpx.Response) -> dict[str, str]:
    """Return what an answer says of the rate limits, by the names of the headers without their common beginning."""
    return {
        name.removeprefix(RATE_LIMIT): text[:80]
        for name, text in response.headers.items()
        if name.startswith(RATE_LIMIT)
    }


def _with_outlook(error: ErrorT, request: Request, settings: ClientSettings) -> ErrorT:
    """Say what a retry will do where the request or the settings tell more than the error's class."""
    if request.only_reads and isinstance(error, MAY_HAVE_RUN):
        error.outlook = "It only reads, so a retry is safe, and may succeed."
    elif isinstance(error, errors.SamNotFoundError) and urlsplit(settings.base_url).path.rstrip("/").endswith("/v1"):
        error.outlook = "The connection's host ends with /v1, with which every path begins by itself: leave out /v1."
    return error


def _unreadable(response: httpx.Response, request: Request, problem: str) -> errors.SamResponseError:
    return errors.SamResponseError(
        f"answered {response.status_code}, but {problem}",
        operation=request.operation,
        request_id=response.headers.get("request-id"),
    )


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


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return not isinstance(cause, LOST_DURING_HANDSHAKE)
        cause = cause.__cause__ or cause.__context__
    return False

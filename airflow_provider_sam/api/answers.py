"""What comes back from httpx: how failures are told apart, and how answers are read. No I/O."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import httpx
from httpx_sse import SSEError

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.failures import MESSAGE_CHARACTERS, NAME_CHARACTERS, status_error
from airflow_provider_sam.api.identity import UntrustedIdError
from airflow_provider_sam.api.receiving import check_values, encoding_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam.api.operation import Operation, Request
    from airflow_provider_sam.api.settings import ClientSettings

T = TypeVar("T")

ErrorT = TypeVar("ErrorT", bound=errors.SamError)

RATE_LIMIT = "anthropic-ratelimit-"
"""How the names of all headers about rate limits begin."""

MAY_HAVE_RUN = (
    errors.SamTimeoutError,
    errors.SamDisconnectedError,
    errors.SamServerError,
    errors.SamGatewayTimeoutError,
)
"""Errors whose advice is about what a request may have done."""

GARBLED = b"(compressed in a way that cannot be read)"
"""What stands for the body of an error whose content-encoding is wrong."""

LOST_DURING_HANDSHAKE = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""TLS errors that only say that the other side went away."""


@contextmanager
def translated(request: Request, settings: ClientSettings) -> Iterator[None]:
    """Let nothing of httpx out of the block: what it raises becomes the error of our tree that says the same."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError) as error:
        told = str(error)
        # What the other side sent may be part of what httpx says: then its error is not shown beside ours.
        raise transport_error(error, request, settings) from (error if settings.redact(told) == told else None)


def transport_error(
    error: httpx.HTTPError | httpx.StreamError, request: Request, settings: ClientSettings
) -> errors.SamError:
    """Tell apart what httpx raises: nothing sent, no trust, too slow, broken off, unreadable."""
    host = urlsplit(settings.base_url).netloc
    through = f" through the proxy {settings.proxy_host}" if settings.proxy else ""
    told = settings.redact.text(str(error), MESSAGE_CHARACTERS)
    kind: type[errors.SamError]
    match error:
        case httpx.ConnectTimeout():
            kind, what = (
                errors.SamConnectError,
                f"no connection to {host}{through} within {settings.connect_timeout:g} s",
            )
        case httpx.PoolTimeout():
            kind, what = errors.SamConnectError, "all connections of this client stayed in use"
        case httpx.ProxyError():
            kind = errors.SamConnectError
            what = (
                f"no connection to {host}: the proxy {settings.proxy_host or 'of the environment'} "
                f"refused to make it: {told}"
            )
        case httpx.ConnectError():
            kind = errors.SamTLSError if _is_tls(error) else errors.SamConnectError
            what = f"no connection to {host}{through}: {told}"
        case httpx.WriteTimeout():
            kind, what = errors.SamTimeoutError, f"{host} took no bytes for {settings.write_timeout:g} s"
        case httpx.TimeoutException():
            kind = errors.SamTimeoutError
            what = f"no answer, or no more of it, from {host} within {request.read_timeout:g} s"
        case SSEError():
            kind, what = errors.SamResponseError, f"{host} answered with something else than events: {told}"
        case httpx.TransportError():
            kind, what = errors.SamDisconnectedError, f"the connection to {host} broke: {told}"
        case _:
            kind, what = errors.SamResponseError, f"the answer of {host} cannot be read: {told}"
    return _with_outlook(kind(what, operation=request.operation), request, settings)


def refusal(response: httpx.Response, body: bytes, request: Request, settings: ClientSettings) -> errors.SamStatusError:
    """Return the error for an answer that refuses the request.

    :param body: as much of the answer's body as is looked at.
    """
    error = status_error(
        response.status_code,
        response.headers,
        body,
        redact=settings.redact,
        operation=request.operation,
        now=datetime.now(UTC),
    )
    return _with_outlook(error, request, settings)


def value(response: httpx.Response, body: bytes, operation: Operation[T], settings: ClientSettings) -> T:
    """Read the value from a successful answer, already received.

    :raises SamResponseError: it is not what the API answers.
    """
    try:
        check_values(body)
        return operation.read(body)
    except ValueError as error:
        kind = response.headers.get("content-type", "no content type")
        what = f"{len(body)} bytes of {kind[:80]}"
        problem = settings.redact.text(f"its {what} are not the answer: {error}", MESSAGE_CHARACTERS)
        unreadable = _unreadable(response, operation, settings, problem)
        if isinstance(error, UntrustedIdError):
            unreadable = errors.SamUntrustedIdError(
                unreadable.message, operation=unreadable.operation, request_id=unreadable.request_id
            )
        raise unreadable from None


def too_long(response: httpx.Response, operation: Operation[T], settings: ClientSettings) -> errors.SamResponseError:
    """Return the error for a successful answer of which no more is read."""
    limit = settings.limits.max_answer_bytes
    return _unreadable(response, operation, settings, f"with more than {limit} bytes, the limit of max_answer_bytes")


def check_stored(response: httpx.Response, request: Request, settings: ClientSettings) -> None:
    """Check that results come as they are stored: a compressed answer has no bound, and cannot be continued.

    :raises SamResponseError: they are encoded.
    """
    if (encoding := encoding_of(response)) != "identity":
        raise _unreadable(
            response,
            request,
            settings,
            f"with content-encoding {settings.redact.text(encoding, NAME_CHARACTERS)!r}, which was not asked for; "
            "something between here and the API compresses results, and must leave them as they are",
        )


def rate_limits(response: httpx.Response, settings: ClientSettings) -> dict[str, str]:
    """Return what an answer says of the rate limits, by the names of the headers without their common beginning."""
    return {
        name.removeprefix(RATE_LIMIT): settings.redact.text(text, NAME_CHARACTERS)
        for name, text in response.headers.items()
        if name.startswith(RATE_LIMIT)
    }


def _with_outlook(error: ErrorT, request: Request, settings: ClientSettings) -> ErrorT:
    """Say what a retry will do where the request or the settings tell more than the error's class."""
    if request.only_reads and isinstance(error, MAY_HAVE_RUN):
        error.retry_hint = "It only reads, so a retry is safe, and may succeed."
    elif isinstance(error, errors.SamStatusError):
        error.retryable, error.retry_hint = _outlook(error, request, settings)
    return error


def _outlook(error: errors.SamStatusError, request: Request, settings: ClientSettings) -> tuple[bool, str | None]:
    """Decide whether a retry may help after a refusal, and say so where the error's class does not."""
    if error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return False, "It was a proxy that refused: write user and password into the URL of proxy."
    if isinstance(error, errors.SamNotFoundError):
        if urlsplit(settings.base_url).path.rstrip("/").endswith("/v1"):
            return False, "The connection's host ends with /v1, with which every path begins by itself: leave out /v1."
        if not request.is_of_batches:
            return (
                False,
                "A retry will fail the same way; check the model, the key's workspace and the host's path.",
            )
    if request.operation == "delete_batch" and isinstance(error, errors.SamInvalidRequestError):
        return True, "A batch can be deleted once it has ended; a retry may succeed then."
    if not (error.retryable or error.from_api or isinstance(error, errors.SamRedirectError)):
        return True, "It was not the API that refused; a retry helps if that passes."
    return error.retryable, None


def request_id(response: httpx.Response, settings: ClientSettings) -> str | None:
    """Return the id that an answer gives its request."""
    return settings.redact.text(response.headers.get("request-id", ""), NAME_CHARACTERS) or None


def _unreadable(
    response: httpx.Response, request: Request, settings: ClientSettings, problem: str
) -> errors.SamResponseError:
    return errors.SamResponseError(
        f"answered {response.status_code}, but {problem}",
        operation=request.operation,
        request_id=request_id(response, settings),
    )


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return not isinstance(cause, LOST_DURING_HANDSHAKE)
        cause = cause.__cause__ or cause.__context__
    return False

"""A refusing answer becomes the one error class of its row in the contract's table."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.redaction import NOTHING_TO_HIDE, Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_OF_STATUS: Mapping[int, type[errors.SamStatusError]] = MappingProxyType(
    {
        400: errors.SamInvalidRequestError,
        401: errors.SamAuthenticationError,
        402: errors.SamBillingError,
        403: errors.SamPermissionError,
        404: errors.SamNotFoundError,
        409: errors.SamConflictError,
        413: errors.SamRequestTooLargeError,
        422: errors.SamUnprocessableError,
        429: errors.SamRateLimitError,
        504: errors.SamGatewayTimeoutError,
        529: errors.SamOverloadedError,
    }
)

STATUS_OF_TYPE: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)

REDIRECTS = range(300, 400)

PASSING = frozenset({200, 408, 425, 499})
"""Statuses without a class of their own after which a retry may succeed; 200 is that of a stream which breaks off."""

SPEND_LIMIT_CODE = "enforced_spend_limit_reached"

NAME_CHARACTERS = 128
"""The most of a type, an id or another name that an error repeats."""

MESSAGE_CHARACTERS = 1000
"""The most of a server's message that an error repeats."""

FOREIGN_CHARACTERS = 200
"""The most of a body that is not the API's that an error repeats."""


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    operation: str,
    now: datetime,
    redact: Redactor = NOTHING_TO_HIDE,
) -> errors.SamStatusError:
    """Return the error for an answer that refuses a request, whoever wrote it.

    :param headers: the answer's headers; names in lower case, or a case-insensitive mapping.
    :param body: the answer's body.
    :param now: the time to count a ``retry-after`` date from where the answer has no ``date`` of its own.
    :param redact: hides our secrets, should the answer echo one: some proxies show the request that they refuse.
    """
    envelope = _json_object(body)
    error = envelope.get("error")
    error = error if isinstance(error, dict) else {}
    if status in REDIRECTS:
        message = f"a redirect to {_host(headers.get('location', ''))}"
    else:
        message = _text(error.get("message")) or _describe(headers.get("content-type", ""), body, redact)
    return _build(
        error,
        status=status,
        message=message,
        operation=operation,
        request_id=headers.get("request-id") or _text(envelope.get("request_id")),
        retry_after=retry_after(headers, now=now),
        from_api=_is_envelope(envelope),
        redact=redact,
    )


def stream_error(
    data: Mapping[str, Any], *, operation: str, request_id: str | None, redact: Redactor = NOTHING_TO_HIDE
) -> errors.SamStatusError:
    """Return the error for an ``error`` event inside a stream that had begun with 200.

    A type we do not know stays a plain `SamStatusError` with the status that was really sent, 200.
    """
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    return _build(
        error,
        status=STATUS_OF_TYPE.get(str(error.get("type")), 200),
        message=_text(error.get("message")) or "an error event without a message",
        operation=operation,
        request_id=_text(data.get("request_id")) or request_id,
        retry_after=None,
        from_api=True,
        redact=redact,
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the seconds that ``retry-after`` asks to wait, or None where it is absent or unreadable.

    The header holds seconds or an HTTP date (RFC 9110, 10.2.3). A date is counted from the answer's own ``date``
    header, so that a wrong clock on this machine does no harm, and from `now` without one.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        moment = _http_date(value)
        if moment is None:
            return None
        seconds = (moment - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _build(
    error: Mapping[str, Any],
    *,
    status: int,
    message: str,
    operation: str,
    request_id: str | None,
    retry_after: float | None,
    from_api: bool,
    redact: Redactor,
) -> errors.SamStatusError:
    details = error.get("details")
    details = details if isinstance(details, dict) else {}
    failure = _error_class(status, details)(
        redact.text(message, MESSAGE_CHARACTERS),
        status=status,
        type=redact.text(_text(error.get("type")) or "", NAME_CHARACTERS) or None,
        request_id=redact.text(request_id or "", NAME_CHARACTERS) or None,
        retry_after=retry_after,
        details={str(name): redact.details(entry, MESSAGE_CHARACTERS) for name, entry in details.items()},
        operation=operation,
        from_api=from_api,
    )
    if status in PASSING:
        failure.retryable, failure.retry_hint = True, "It may have run; a retry may succeed."
    return failure


def _error_class(status: int, details: Mapping[str, Any]) -> type[errors.SamStatusError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS and details.get("error_code") == SPEND_LIMIT_CODE:
        return errors.SamSpendLimitError
    if status in REDIRECTS:
        return errors.SamRedirectError
    fallback = errors.SamServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else errors.SamStatusError
    return ERROR_OF_STATUS.get(status, fallback)


def _is_envelope(value: Mapping[str, Any]) -> bool:
    """Return whether a body has the shape of the API's errors, which no page of a proxy has by chance."""
    error = value.get("error")
    return value.get("type") == "error" and isinstance(error, dict) and isinstance(error.get("type"), str)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _host(location: str) -> str:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return "something that is no URL"
    return host or "another path of the same host"


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _describe(content_type: str, body: bytes, redact: Redactor) -> str:
    """Describe a body that is not the API's: usually the page of a proxy in between."""
    if not body.strip():
        return "an empty body, so probably not from the API but from a proxy"
    text = body[: 50 * FOREIGN_CHARACTERS].decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    words = redact.text(" ".join(text.split()), FOREIGN_CHARACTERS)
    kind = redact.text(content_type.partition(";")[0].strip() or "no content type", NAME_CHARACTERS)
    return f"not the API's error format but {len(body)} bytes of {kind}, probably from a proxy: {words!r}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

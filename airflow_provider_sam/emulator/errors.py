"""What the API says when it refuses: a status and the error envelope of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "unprocessable_entity_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The ``error.type`` that goes with each status; the contract leaves 405, 409 and 422 open."""


class ApiError(Exception):
    """A refusal: raised by a route, answered as the error envelope.

    :param status: HTTP status
    :param message: the text for ``error.message``
    :param error_type: ``error.type``; by default the one that goes with the status
    :param headers: more headers of the answer
    :param details: ``error.details``, where the API gives them
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        error_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type or ERROR_TYPES.get(status, "api_error")
        self.headers = dict(headers or {})
        self.details = details

    def envelope(self, request_id: str | None) -> dict[str, Any]:
        """Return the body of the answer."""
        return envelope(self.error_type, self.message, request_id, self.details)


def envelope(
    error_type: str, message: str, request_id: str | None, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the contract's ``ErrorEnvelope``."""
    error: dict[str, Any] = {"type": error_type, "message": message}
    if details is not None:
        error["details"] = dict(details)
    return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str) -> ApiError:
    """Return the 400 for a request whose named part is wrong."""
    return ApiError(400, message)


def not_found(message: str) -> ApiError:
    """Return the 404 for a thing that is not there, or not visible to this key."""
    return ApiError(404, message)


def too_large(limit: int) -> ApiError:
    """Return the 413 for a body over ``limit`` bytes."""
    return ApiError(413, f"Request exceeds the maximum size of {limit} bytes.")

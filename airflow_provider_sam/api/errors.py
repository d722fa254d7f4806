"""Every failure of the API has one class, and an error says what happened, to which request, and what a retry will do.

::

    SamError
    ├── SamRequestError (also ValueError)   refused here, before anything was sent
    ├── SamTransportError                   no whole answer came back
    │   ├── SamConnectError                 nothing was sent: name not found, refused, connecting took too long
    │   │   └── SamTLSError                 nothing was sent: no trusted, encrypted connection
    │   ├── SamTimeoutError                 bytes went out, the answer took too long
    │   └── SamDisconnectedError            bytes went out, the connection broke or the answer was cut
    ├── SamResponseError                    an answer came back whole that cannot be read
    │   └── SamUntrustedIdError             it is a batch that was created, and its id cannot be trusted
    ├── SamStatusError                      the answer refuses the request; also any status not named below
    │   ├── SamRedirectError                3xx: redirects are not followed
    │   ├── SamInvalidRequestError          400
    │   ├── SamAuthenticationError          401
    │   ├── SamBillingError                 402
    │   ├── SamPermissionError              403
    │   ├── SamNotFoundError                404
    │   ├── SamConflictError                409
    │   ├── SamRequestTooLargeError         413
    │   ├── SamUnprocessableError           422
    │   ├── SamRateLimitError               429, passes with time
    │   ├── SamSpendLimitError              429, the month's spending cap: does not pass by waiting
    │   ├── SamServerError                  500, 502, 503 and every other 5xx
    │   ├── SamGatewayTimeoutError          504
    │   └── SamOverloadedError              529
    └── SamAmbiguousSubmitError             a batch may or may not have been created

No error holds the API key or the body of a request. All of them survive pickling and copying with their data.
The rows are those of the error table in the API's contract.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "SamAmbiguousSubmitError",
    "SamAuthenticationError",
    "SamBillingError",
    "SamConflictError",
    "SamConnectError",
    "SamDisconnectedError",
    "SamError",
    "SamGatewayTimeoutError",
    "SamInvalidRequestError",
    "SamNotFoundError",
    "SamOverloadedError",
    "SamPermissionError",
    "SamRateLimitError",
    "SamRedirectError",
    "SamRequestError",
    "SamRequestTooLargeError",
    "SamResponseError",
    "SamServerError",
    "SamSpendLimitError",
    "SamStatusError",
    "SamTLSError",
    "SamTimeoutError",
    "SamTransportError",
    "SamUnprocessableError",
    "SamUntrustedIdError",
]


class SamError(Exception):
    """Base of everything that goes wrong between us and the API.

    :param message: what happened, in one sentence.
    :param operation: the operation it happened to, such as ``create_batch``.
    :param request_id: the id that the API gave the request, to quote to its support.
    """

    advice: ClassVar[str] = ""

    def __init__(self, message: str, *, operation: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.request_id = request_id
        self.attempts = 1
        """How often the request was sent before this error was given up to the caller."""
        self.retry_hint: str | None = None
        """What a retry will do where this one call knows better than its class's `advice`."""

    def __str__(self) -> str:
        where = f"{self.operation}: " if self.operation else ""
        facts = [f"request {self.request_id}"] if self.request_id else []
        facts += [f"after {self.attempts} attempts"] if self.attempts > 1 else []
        suffix = f" ({', '.join(facts)})" if facts else ""
        return f"{where}{self.summary()}{suffix}. {self.retry_hint or self.advice}".rstrip()

    def summary(self) -> str:
        """Say what happened, without the request it happened to."""
        return self.message.rstrip(". ")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class SamRequestError(SamError, ValueError):
    """The request was refused here, before anything was sent: the message names the field and what to write."""

    advice = "Nothing was sent; a retry will fail the same way."


class SamTransportError(SamError):
    """No whole answer came back."""


class SamConnectError(SamTransportError):
    """No connection was made, so nothing was sent: repeating is safe for every operation."""

    advice = "Nothing was sent, so a retry is safe."


class SamTLSError(SamConnectError):
    """No trusted, encrypted connection could be made, so nothing was sent."""

    advice = "Nothing was sent; a retry will fail the same way until the connection's ca_bundle trusts this host."


class SamTimeoutError(SamTransportError):
    """The request went out and its answer took too long: it may have run."""

    advice = "It may have run; a retry may succeed."


class SamDisconnectedError(SamTransportError):
    """The connection broke after bytes went out, or the answer was cut: it may have run."""

    advice = "It may have run; a retry may succeed."


class SamResponseError(SamError):
    """An answer came back whole, but it is not what the API's contract says."""

    advice = "A retry helps only if something between here and the API answered in its place."


class SamUntrustedIdError(SamResponseError):
    """A batch was created, and the id in the answer is none that the API gives: it could lead elsewhere in a path."""

    advice = "The batch exists and is paid for; see what answers in the API's place."


class SamStatusError(SamError):
    """The API, or a proxy before it, answered with a status that refuses the request.

    :param status: the HTTP status; for an error inside a stream, the status that the contract gives its type.
    :param type: the API's ``error.type``, or None where the body is not the API's.
    :param message: the API's own message, or a bounded description of a body that is not the API's.
    :param retry_after: seconds that the server asked to wait, or None.
    :param details: the API's ``error.details``, empty where there are none.
    :param from_api: whether the body is the API's own error envelope; a proxy may answer with any other.
    """

    advice = "A retry will fail the same way."

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str | None = None,  # noqa: A002  # the API's own word for it
        request_id: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        operation: str | None = None,
        from_api: bool = False,
    ) -> None:
        super().__init__(message, operation=operation, request_id=request_id)
        self.status = status
        self.from_api = from_api
        self.type = type
        self.retry_after = retry_after
        self.details = dict(details or {})

    def summary(self) -> str:
        """Say the status, the API's type and its message."""
        kind = f" {self.type}" if self.type else ""
        wait = f" (retry-after {self.retry_after:g} s)" if self.retry_after is not None else ""
        return f"answered {self.status}{kind}{wait}: {super().summary()}"


class SamRedirectError(SamStatusError):
    """3xx: redirects are not followed, so that the API key never reaches another host."""

    advice = "Redirects are not followed; write the API's own address as the connection's host."


class SamInvalidRequestError(SamStatusError):
    """400: the request is wrong, or a spend limit that the workspace set itself is reached."""

    advice = "A retry will fail the same way; correct what the message names."


class SamAuthenticationError(SamStatusError):
    """401: the API key is wrong."""

    advice = "A retry will fail the same way; check the API key in the connection's password."


class SamBillingError(SamStatusError):
    """402: the account cannot pay."""

    advice = "A retry will fail the same way until the account's billing is put right."


class SamPermissionError(SamStatusError):
    """403: the key may not do this."""

    advice = "A retry will fail the same way; use a key that is allowed to do this."


class SamNotFoundError(SamStatusError):
    """404: not there, not there yet, not there for a moment, or in another workspace."""

    advice = "Short-lived 404s do happen; otherwise check the id, the key's workspace and the path in the host."


class SamConflictError(SamStatusError):
    """409: the thing is in a state that does not allow this."""

    advice = "A retry may succeed once the state has changed."


class SamRequestTooLargeError(SamStatusError):
    """413: the body is larger than the API takes."""

    advice = "A retry will fail the same way; send less at once."


class SamUnprocessableError(SamStatusError):
    """422: well-formed, but not something the API can do."""

    advice = "A retry will fail the same way; correct what the message names."


class SamRateLimitError(SamStatusError):
    """429: too many requests or tokens in a while; passes with time."""

    advice = "Nothing ran; a retry may succeed after the wait that the server asks for."


class SamSpendLimitError(SamStatusError):
    """429 with ``enforced_spend_limit_reached``: the month's spending cap is reached."""

    advice = "Nothing ran; a retry will fail until the cap is raised or the month ends."


class SamServerError(SamStatusError):
    """500, 502, 503 or another 5xx: the server failed, perhaps after doing the work."""

    advice = "It may have run; a retry may succeed."


class SamGatewayTimeoutError(SamStatusError):
    """504: the work took longer than a gateway waits, and may still be done."""

    advice = "It may have run; a retry may succeed. Streaming keeps a long answer alive."


class SamOverloadedError(SamStatusError):
    """529: the API has too much to do."""

    advice = "Nothing ran; a retry may succeed later."


class SamAmbiguousSubmitError(SamError):
    """A batch may or may not have been created: the request went out and no clean answer came back.

    :param cause: the error that left it open.
    """

    advice = "Sending it again may pay twice: look for the batch among the newest ones first."

    def __init__(self, message: str, *, cause: SamError) -> None:
        super().__init__(message, operation=cause.operation, request_id=cause.request_id)
        self.cause = cause
        self.attempts = cause.attempts

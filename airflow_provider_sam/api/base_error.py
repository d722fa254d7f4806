"""What all errors have in common: what happened, to which request, and what a retry will do."""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable


class SamError(Exception):
    """Base of everything that goes wrong between us and the API.

    :param message: what happened, in one sentence.
    :param operation: the operation it happened to, such as ``create_batch``.
    :param request_id: the id that the API gave the request, to quote to its support.
    :param retryable: what `retryable` is where it is not as for other errors of the class.
    :param retry_hint: what a retry will do, where `advice` does not say it.
    """

    advice: ClassVar[str] = ""

    retryable: bool = True
    """Whether the same call may succeed later, if nobody changes anything. False also where a repeat may pay twice."""

    retry_after: float | None = None
    """Seconds that the server asked to wait before the call is repeated; None where it did not ask."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_hint: str | None = None,
    ) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable
        self.message = message
        self.operation = operation
        self.request_id = request_id
        self.attempts = 1
        """How often the request was sent before this error was given up to the caller."""
        self.retry_hint = retry_hint
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

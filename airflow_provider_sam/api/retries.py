"""What may be repeated, and when: pure decisions that tenacity drives, the same for both clients."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.backoff import Backoff
from airflow_provider_sam.api.operation import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenacity import RetryCallState

    from airflow_provider_sam.api.operation import Request

log = logging.getLogger(__name__)

BACKOFF = Backoff(first=0.5, longest=60.0, jitter=0.5)
"""Where the server asks for no wait. Its `retry-after` is honoured whatever its size."""

SPREAD = 1.0
"""Seconds over which repeats after a `retry-after` are spread: callers told the same time must not come at once."""

REFUSED_FOR_NOW = (errors.SamRateLimitError, errors.SamOverloadedError)
"""Answers that say: nothing ran, come back later."""

PASSING = (
    errors.SamTransportError,
    errors.SamServerError,
    errors.SamGatewayTimeoutError,
    errors.SamConflictError,
    *REFUSED_FOR_NOW,
)
"""Failures that pass, for operations that may be sent twice."""

REFUSALS = frozenset({400, 401, 402, 403, 404, 413, 422, 429, 529})
"""Statuses by which the API says that it has run nothing. They prove it in the API's own envelope alone: a gateway may
answer with any of them after it has passed the request on. A 408, 409, 425 or 499 may answer a request that has run."""


@dataclass(frozen=True)
class Verdict:
    """Whether to repeat: after `wait` seconds, or not at all (`wait` is None), for which reason."""

    wait: float | None
    reason: str | None = None


def outcome_of_create(error: errors.SamError) -> Literal["nothing", "unknown"]:
    """Say what a failed create left behind: certainly nothing, or possibly a batch.

    Nothing, if nothing was sent, or the API itself has refused: by its own error envelope, and with a status that says
    so. Unknown in every other case: the connection broke after bytes went out, the answer cannot be read, or it is not
    the API's.
    """
    if isinstance(error, (errors.SamRequestError, errors.SamConnectError)):
        return "nothing"
    if isinstance(error, errors.SamStatusError) and error.from_api and error.status in REFUSALS:
        return "nothing"
    return "unknown"


def may_repeat(error: errors.SamError, effect: Effect) -> bool:
    """Say whether sending the operation again is both safe and of any use."""
    if isinstance(error, errors.SamTLSError):
        return False
    if isinstance(error, (errors.SamConnectError, *REFUSED_FOR_NOW)):
        return effect is not Effect.CREATED or outcome_of_create(error) == "nothing"
    if effect is not Effect.SAME:
        return False
    return isinstance(error, PASSING) or (
        isinstance(error, errors.SamStatusError) and error.status == HTTPStatus.REQUEST_TIMEOUT
    )


def judge(
    error: errors.SamError,
    *,
    effect: Effect,
    attempt: int,
    elapsed: float,
    retry_for: float,
    max_retries: int,
    random: float,
) -> Verdict:
    """Decide whether to repeat an operation that failed with `error`, and after how long.

    :param attempt: how many attempts have failed, this one included.
    :param elapsed: seconds since the first attempt began.
    :param retry_for: seconds since the first attempt within which a repeat may begin.
    :param random: from 0 to 1, for the jitter.
    """
    if not may_repeat(error, effect):
        return Verdict(None, _why_not(error, effect))
    if attempt > max_retries:
        return Verdict(None)
    asked = error.retry_after if isinstance(error, errors.SamStatusError) else None
    left = retry_for - elapsed
    if asked is not None and asked > left:
        reason = (
            f"The server asks to wait {asked:g} s, beyond the {max(left, 0):g} s left of this call's retry_for; "
            "a retry will succeed after that wait at the earliest."
        )
        return Verdict(None, reason)
    if asked is not None:
        return Verdict(min(asked + random * SPREAD, left))
    wait = BACKOFF.seconds(attempt, 1 - random)
    return (
        Verdict(wait)
        if wait <= left
        else Verdict(None, f"Retries ended: this call's retry_for of {retry_for:g} s has passed.")
    )


def _why_not(error: errors.SamError, effect: Effect) -> str | None:
    """Say why a failure that would pass was not waited out."""
    ran_never = (errors.SamConnectError, errors.SamConflictError, *REFUSED_FOR_NOW)
    if effect is Effect.BILLED and isinstance(error, PASSING) and not isinstance(error, ran_never):
        return "It may have run, so it was not repeated: a retry may be billed a second time."
    return None


class RetryState:
    """The retry and wait callables that tenacity asks while one operation is being sent.

    :param clock: seconds that only ever grow, such as `time.monotonic`.
    :param random: gives a number from 0 to 1.
    """

    def __init__(
        self,
        request: Request,
        max_retries: int,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._request = request
        self._max_retries = max_retries
        self._clock = clock
        self._random = random
        self._began = clock()
        self._answer_lost = False
        self._wait = 0.0

    def retry(self, state: RetryCallState) -> bool:
        """Judge the attempt that has just ended, and complete the error if it is the last."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, errors.SamError):
            return False
        verdict = judge(
            error,
            effect=self._request.effect,
            attempt=state.attempt_number,
            elapsed=self._clock() - self._began,
            retry_for=self._request.retry_for,
            max_retries=self._max_retries,
            random=self._random(),
        )
        if verdict.wait is None:
            error.attempts = state.attempt_number
            error.retry_hint = verdict.reason or self._after_lost_answer(error) or error.retry_hint
            return False
        # Kept for the last attempt: a 404 to the repeat of a delete reads differently if the first may have worked.
        self._answer_lost |= outcome_of_create(error) == "unknown"
        self._wait = verdict.wait
        _log_repeat(self._request.operation, error, attempt=state.attempt_number, wait=verdict.wait)
        return True

    def wait(self, _: RetryCallState) -> float:
        """Return the seconds that `retry` decided on."""
        return self._wait

    def _after_lost_answer(self, error: errors.SamError) -> str | None:
        """Explain a 404 that answers the repeat of a delete whose first answer was lost.

        It is still an error, because a 404 never proves that a batch is gone.
        """
        if self._answer_lost and self._request.method == "DELETE" and isinstance(error, errors.SamNotFoundError):
            return "An earlier attempt, whose answer was lost, has probably deleted it."
        return None


def _log_repeat(operation: str, error: errors.SamError, *, attempt: int, wait: float) -> None:
    what = error.status if isinstance(error, errors.SamStatusError) else type(error).__name__
    log.warning(
        "%s: attempt %d failed with %s (request %s); next attempt in %.1f s",
        operation,
        attempt,
        what,
        error.request_id or "unknown",
        wait,
    )


@contextmanager
def ambiguous_creates(request: Request) -> Iterator[None]:
    """Let a create that may have happened end in the error that says so."""
    try:
        yield
    except errors.SamError as error:
        if request.effect is not Effect.CREATED or outcome_of_create(error) == "nothing":
            raise
        message = f"a batch may or may not have been created: {error.summary()}"
        raise errors.SamAmbiguousSubmitError(message, cause=error) from error

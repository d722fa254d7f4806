"""When Airflow retries a task that calls the hook itself: what the errors of this package say about a retry.

Importing this module needs Airflow 3.3 or newer; older versions have no retry policies.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat.retry_policies import RetryDecision, RetryPolicy
from airflow_provider_sam.api.errors import SamError

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context

__all__ = ["SamRetryPolicy"]

LONGEST_WAIT = timedelta(days=30)
"""What a longer `retry_after` is taken for: a rate limit is one of a minute, a spending cap one of a month."""


class SamRetryPolicy(RetryPolicy):
    """Ends a task at once where no retry can help, and waits as long as the server asked before the next try.

    ::

        @task(retries=5, retry_policy=SamRetryPolicy())
        def summarize(text: str) -> str:
            with SamHook().client as client:
                return client.create_message({...}).text

    It judges by `SamError.retryable` and `SamError.retry_after`, also where an error of yours was raised ``from`` one
    of this package. What it does not know, and what a retry may mend, is retried as the task says. A server's wait
    counts where it is longer than the task's own `retry_delay`; it never makes the delay shorter.

    The operators, sensors and transfers of this package need no policy: they end at once on every Airflow, and wait for
    the server where Airflow can.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide what Airflow does after `exception`."""
        error = _sam_error(exception)
        if error is None:
            return RetryDecision.default()
        if not error.retryable:
            return RetryDecision.fail(reason=f"no retry helps: {error}")
        wait = _wait(error.retry_after)
        own = getattr(context["task"], "retry_delay", None) if context and "task" in context else None
        if wait is None or (own is not None and wait <= own):
            return RetryDecision.default()
        return RetryDecision.retry(delay=wait, reason=f"the server asked to wait {wait.total_seconds():g} s")

    def serialize(self) -> dict[str, Any]:
        """Return what a policy is made of: nothing."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SamRetryPolicy:  # noqa: ARG003 - Airflow's signature
        """Return the policy."""
        return cls()


def _sam_error(exception: BaseException | None) -> SamError | None:
    """Return the error itself, or the one of ours that it was raised from."""
    while exception is not None and not isinstance(exception, SamError):
        exception = exception.__cause__
    return exception


def _wait(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))

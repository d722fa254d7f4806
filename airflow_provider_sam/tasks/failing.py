"""How a task fails: at once where no retry can help, and otherwise with the wait that the server asked for.

Airflow knows two ways to fail, and tells them by the class of the error. What the API's client raises knows nothing of
Airflow: on its way out of a task, an error that no retry can mend becomes one that Airflow does not retry. It stays an
error of its own class, with its text, its data and its traceback.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES, AirflowFailException
from airflow_provider_sam.api.errors import SamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["end_at_once", "fails_as_it_should"]

T = TypeVar("T")
P = ParamSpec("P")
TaskT = TypeVar("TaskT")


def fails_as_it_should(execute: Callable[Concatenate[TaskT, P], T]) -> Callable[Concatenate[TaskT, P], T]:
    """Wrap a task's method, so that its errors mean to Airflow what their `retryable` and `retry_after` say."""

    @wraps(execute)
    def guarded(task: TaskT, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return execute(task, *args, **kwargs)
        except SamError as error:
            if not error.retryable:
                end_at_once(error)
            elif error.retry_after is not None:
                _wait_as_told(task)
            raise

    return guarded


def end_at_once(error: SamError) -> None:
    """Turn an error into one after which Airflow does not retry; it keeps its class's name and all that it holds."""
    if not isinstance(error, AirflowFailException):
        error.__class__ = _final(type(error))


def _wait_as_told(task: Any) -> None:
    """Have Airflow wait as long as the server asked, where it can, unless the task has a policy of its own."""
    if TASKS_TAKE_RETRY_POLICIES and task.retry_policy is None:
        from airflow_provider_sam.retry_policies import SamRetryPolicy

        task.retry_policy = SamRetryPolicy()


def _final(kind: type[SamError]) -> type[SamError]:
    """Return a subclass of an error's class that Airflow does not retry."""

    def reduce(error: SamError) -> tuple[Any, ...]:
        return _restored, (kind, error.args, vars(error))

    described = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__reduce__": reduce}
    return type(kind.__name__, (kind, AirflowFailException), described)


def _restored(kind: type[SamError], args: tuple[Any, ...], data: Mapping[str, Any]) -> SamError:
    """Return the error that was pickled; its class cannot be found by its name."""
    final = _final(kind)
    error = final.__new__(final, *args)
    vars(error).update(data)
    return error

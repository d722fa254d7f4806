"""``@task.sam_batch``: a function gives the requests, or rows to make them of, and its task creates one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeVar, overload

from airflow_provider_sam._compat.taskflow import DecoratedOperator, task_decorator_factory
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.decorators.function import FunctionCall, call_function
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam._compat.taskflow import Task
    from airflow_provider_sam.rows.requests.recipe import Prompt

_P = ParamSpec("_P")
_R = TypeVar("_R")

_RECIPE = ("id_column", "prompt", "messages", "output_type", "dedupe", "reuse")
"""The arguments with which the function returns rows, not requests."""


class SamBatchDecoratedOperator(DecoratedOperator, SamCreateBatchOperator):
    """Creates one batch of what a function returns or yields. Made by `sam_batch`."""

    template_fields = (*DecoratedOperator.template_fields, *SamCreateBatchOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = dict(DecoratedOperator.template_fields_renderers)
    custom_operator_name = "@task.sam_batch"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if given := [name for name in ("requests", "rows") if name in kwargs]:
            raise SamRequestError(f"@task.sam_batch takes no {given[0]}: its function returns them")
        gives = "rows" if any(kwargs.get(name) for name in _RECIPE) else "requests"
        kwargs[gives] = FunctionCall(python_callable, op_args or (), op_kwargs or {})
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    def execute(self, context: Context) -> Any:
        """Create the batch of what the function gives, or find the one of an earlier try, and return its id."""
        if self.rows is None:
            self.requests = Verbatim(self._call)
        else:  # another task, such as the landing, makes the call for itself
            self.rows = self.rows.reading(self._call)
        return SamCreateBatchOperator.execute(self, context)  # DecoratedOperator.execute fails on 3.0

    def _call(self, context: Context) -> Any:
        return call_function(self.python_callable, self.op_args, self.op_kwargs, context)


@overload
def sam_batch(python_callable: Callable[_P, _R]) -> Task[_P, _R]: ...


@overload
def sam_batch(
    *,
    id_column: str | Sequence[str] | None = None,
    prompt: Prompt | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    output_type: Any = None,
    dedupe: bool = False,
    reuse: str | ObjectStoragePath | Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
    storage_conn_id: str | None = None,
    defaults: Mapping[str, Any] | XComArg | Callable[[Context], Mapping[str, Any]] | None = None,
    overrides: Mapping[str, Any] | XComArg | Callable[[Context], Mapping[str, Any]] | None = None,
    only_failed_of: Mapping[str, Any] | str | ObjectStoragePath | XComArg | None = None,
    treat_stop_reasons_as_failed: Sequence[str] = (),
    max_requests: int | str | None = None,
    max_input_tokens: int | str | None = None,
    token_samples: int = 20,
    dry_run: bool = False,
    on_empty: Literal["fail", "skip"] = "fail",
    adopt_batch_id: str | None = None,
    resubmit: bool = False,
    visibility_timeout: float = 60.0,
    prove_within: float | None = None,
    deferrable: bool = True,
    state_path: str | ObjectStoragePath | None = None,
    betas: Sequence[str] | None = None,
    sam_conn_id: str = DEFAULT_CONN_ID,
    **task_arguments: Any,
) -> Callable[[Callable[_P, _R]], Task[_P, _R]]: ...


def sam_batch(python_callable: Callable[..., Any] | None = None, **arguments: Any) -> Any:
    """Make a task of a function that returns or yields the requests of a batch; the task returns the batch's id.

    With `id_column` and `prompt` or `messages`, the function returns rows: mappings one by one, a DataFrame, a path, or
    any other kind of `rows` of `SamCreateBatchOperator`. `SamBatchToObjectStorageOperator` takes the task's output as
    `batch_id` and as `rows`, to put the answers beside the rows; it calls the function again. What the function returns
    is data: it is never rendered as a template. The function may be async.

    Takes the arguments of `SamCreateBatchOperator` except `requests` and `rows`, and those of every task.
    """
    if arguments.pop("multiple_outputs", False):
        raise SamRequestError("@task.sam_batch returns the id of a batch, which multiple_outputs cannot take apart")
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=False,
        decorated_operator_class=SamBatchDecoratedOperator,
        **arguments,
    )

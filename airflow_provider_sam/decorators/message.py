"""``@task.sam_message``: a function says what to ask, and its task returns the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeAlias, TypeVar, overload

from airflow_provider_sam._compat.taskflow import DecoratedOperator, task_decorator_factory
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.decorators.function import call_function
from airflow_provider_sam.operators.message import SamCreateMessageOperator
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from airflow_provider_sam._compat import Context
    from airflow_provider_sam._compat.taskflow import Task

MessageInput: TypeAlias = "str | Sequence[Mapping[str, Any]] | Mapping[str, Any]"
"""What a function may return: a prompt, a list of messages, or a message's parameters."""

_P = ParamSpec("_P")
_R = TypeVar("_R", bound="MessageInput | Awaitable[MessageInput]")

_DATA = ("messages", "system", "tools", "thinking", "metadata")
"""Parameters of the API that the operator takes as arguments, and never renders."""

_PLAIN = ("model", "max_tokens")
"""Those that it renders, which is over when the function returns them."""


class SamMessageDecoratedOperator(DecoratedOperator, SamCreateMessageOperator):
    """Sends what a function returns as a message. Made by `sam_message`."""

    template_fields = (*DecoratedOperator.template_fields, *SamCreateMessageOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = dict(DecoratedOperator.template_fields_renderers)
    custom_operator_name = "@task.sam_message"

    def __init__(self, **kwargs: Any) -> None:
        if given := [name for name in ("prompt", "messages") if name in kwargs]:
            raise SamRequestError(f"@task.sam_message takes no {given[0]}: its function returns it")
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        """Call the function, create the message, and return what `returns` or `output_type` say."""
        self._take(call_function(self.python_callable, self.op_args, self.op_kwargs, context))
        return SamCreateMessageOperator.execute(self, context)  # DecoratedOperator.execute fails on 3.0

    def _take(self, returned: Any) -> None:
        """Make the message's input of what the function returned, which wins over the decorator's arguments."""
        if isinstance(returned, str):
            self.prompt = Verbatim(returned)
        elif isinstance(returned, list):
            self.messages = Verbatim(returned)
        elif isinstance(returned, Mapping):
            rest = dict(returned)
            for name in {*_DATA, *_PLAIN} & rest.keys():
                value = rest.pop(name)
                setattr(self, name, Verbatim(value) if name in _DATA else value)
            self.message_params = Verbatim({**(self.message_params.value or {}), **rest})
        else:
            raise SamRequestError(
                f"{self.python_callable.__name__} returned {type(returned).__name__}; return a prompt as text, a list "
                "of messages, or the message's parameters as a mapping"
            )


@overload
def sam_message(python_callable: Callable[_P, _R]) -> Task[_P, _R]: ...


@overload
def sam_message(
    *,
    model: str | None = None,
    max_tokens: int | str | None = None,
    system: Any = None,
    tools: Any = None,
    thinking: Any = None,
    metadata: Any = None,
    message_params: Any = None,
    output_type: Any = None,
    returns: Literal["text", "message"] = "text",
    stream: bool = False,
    betas: Sequence[str] | None = None,
    sam_conn_id: str = DEFAULT_CONN_ID,
    multiple_outputs: bool = False,
    **task_arguments: Any,
) -> Callable[[Callable[_P, _R]], Task[_P, _R]]: ...


def sam_message(
    python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool = False, **arguments: Any
) -> Any:
    """Make a task of a function that returns what to send: a prompt, a list of messages, or a message's parameters.

    The task returns the text of the answer, the whole message with ``returns="message"``, or with `output_type` the
    validated answer as plain JSON data. What the function returns is data: it is never rendered as a template, and it
    wins over the arguments given here. The function may be async.

    Takes the arguments of `SamCreateMessageOperator` except `prompt` and `messages`, and those of every task.

    :param multiple_outputs: whether each field of the answer becomes an XCom of its own; for an `output_type` that is
        an object, and for whole messages. Default: no.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=SamMessageDecoratedOperator,
        **arguments,
    )

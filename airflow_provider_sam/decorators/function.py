"""The function of a task is called when the task runs, with its arguments and what it wants of the context."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat.taskflow import context_merge, determine_kwargs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping

    from airflow_provider_sam._compat import Context


def call_function(
    function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any], context: Context
) -> Any:
    """Return what a function returns. An async function is run to its end, an async generator item by item.

    :param args: its arguments, rendered.
    """
    context_merge(context, kwargs)
    returned = function(*args, **determine_kwargs(function, args, context))
    if inspect.isawaitable(returned):
        return asyncio.run(_result_of(returned))
    return _items_of(returned) if inspect.isasyncgen(returned) else returned


async def _result_of(returned: Any) -> Any:
    return await returned


def _items_of(returned: AsyncIterator[Any]) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        while True:
            try:
                yield runner.run(_result_of(anext(returned)))
            except StopAsyncIteration:
                return


class FunctionCall:
    """A function with the arguments that a Dag gives it; another task than its own can make the call too.

    :param args: its arguments as the Dag has them, not rendered.
    """

    def __init__(self, function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)

    def __call__(self, context: Context) -> Any:
        """Render the arguments, and return what the function returns."""
        args, kwargs = context["task"].render_template((tuple(self.args), dict(self.kwargs)), context)
        return call_function(self.function, args, kwargs, context)

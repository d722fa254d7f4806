"""How the description of an operation becomes a method of a client: one function for each way to read an answer.

A derived method has the arguments and the docstring of its description, for editors, type checkers and `help()`.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_sam.api import paging
from airflow_provider_sam.api.base import ApiObject

if TYPE_CHECKING:
    import httpx

    from airflow_provider_sam.api.drivers import AsyncDriver, Driver
    from airflow_provider_sam.api.endpoints import Endpoints
    from airflow_provider_sam.api.models import Page
    from airflow_provider_sam.api.operation import Operation, Request

P = ParamSpec("P")
T = TypeVar("T")
EntryT = TypeVar("EntryT", bound=ApiObject)
MethodT = TypeVar("MethodT", bound=Callable[..., Any])


class Blocking:
    """What the methods of a blocking client are derived upon."""

    _endpoints: Endpoints
    _driver: Driver


class Awaiting:
    """What the methods of an awaiting client are derived upon."""

    _endpoints: Endpoints
    _driver: AsyncDriver


def derived_from(describe: Callable[..., Any], *, name: str = "", doc: str = "") -> Callable[[MethodT], MethodT]:
    """Copy the name, arguments and docstring of a description onto its method, but not the type that it returns."""

    def decorate(method: MethodT) -> MethodT:
        method.__name__ = method.__qualname__ = name or describe.__name__
        method.__doc__ = doc or describe.__doc__
        method.__annotations__ = {name: kind for name, kind in describe.__annotations__.items() if name != "return"}
        signature = inspect.signature(describe).replace(return_annotation=inspect.Signature.empty)
        method.__signature__ = signature  # type: ignore[attr-defined]
        return method

    return decorate


def call(describe: Callable[Concatenate[Endpoints, P], Operation[T]]) -> Callable[Concatenate[Blocking, P], T]:
    """Derive a method that gives the value of the whole answer."""

    @derived_from(describe)
    def method(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._driver.call(describe(self._endpoints, *args, **kwargs))

    return method


def acall(
    describe: Callable[Concatenate[Endpoints, P], Operation[T]],
) -> Callable[Concatenate[Awaiting, P], Coroutine[Any, Any, T]]:
    """Derive a method that gives the value of the whole answer."""

    @derived_from(describe)
    async def method(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._driver.call(describe(self._endpoints, *args, **kwargs))

    return method


def walks(describe: Callable[..., Any]) -> Callable[[MethodT], MethodT]:
    """Copy onto a method that walks a list the arguments of the one that returns a page of it."""
    name = describe.__name__.replace("list_", "iter_")
    doc = f"""Return the entries of every page that `{describe.__name__}` with these arguments begins, lazily.

        With `before_id` the walk leads from there to the newest; otherwise to the oldest.
        """
    return derived_from(describe, name=name, doc=doc)


def walk(
    describe: Callable[Concatenate[Endpoints, P], Operation[Page[EntryT]]],
) -> Callable[Concatenate[Blocking, P], Iterator[EntryT]]:
    """Derive a method that gives the entries of all pages."""

    @walks(describe)
    def method(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[EntryT]:
        walk = paging.Walk(describe(self._endpoints, *args, **kwargs))
        while walk.operation is not None:
            try:
                page = self._driver.call(walk.operation)
            except paging.GONE as refused:
                walk.begin_again(refused)
            else:
                yield from walk.take(page)

    return method


def awalk(
    describe: Callable[Concatenate[Endpoints, P], Operation[Page[EntryT]]],
) -> Callable[Concatenate[Awaiting, P], AsyncIterator[EntryT]]:
    """Derive a method that gives the entries of all pages."""

    @walks(describe)
    async def method(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[EntryT]:
        walk = paging.Walk(describe(self._endpoints, *args, **kwargs))
        while walk.operation is not None:
            try:
                page = await self._driver.call(walk.operation)
            except paging.GONE as refused:
                walk.begin_again(refused)
            else:
                for entry in walk.take(page):
                    yield entry

    return method


def opened(
    describe: Callable[Concatenate[Endpoints, P], Request], stream: Callable[[Driver, Request, httpx.Response], T]
) -> Callable[Concatenate[Blocking, P], AbstractContextManager[T]]:
    """Derive a method that holds the answer open for a block and gives `stream` of it."""

    @derived_from(describe)
    @contextmanager
    def method(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        request = describe(self._endpoints, *args, **kwargs)
        with self._driver.open(request) as response:
            yield stream(self._driver, request, response)

    return method


def aopened(
    describe: Callable[Concatenate[Endpoints, P], Request], stream: Callable[[AsyncDriver, Request, httpx.Response], T]
) -> Callable[Concatenate[Awaiting, P], AbstractAsyncContextManager[T]]:
    """Derive a method that holds the answer open for a block and gives `stream` of it."""

    @derived_from(describe)
    @asynccontextmanager
    async def method(self: Awaiting, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        request = describe(self._endpoints, *args, **kwargs)
        async with self._driver.open(request) as response:
            yield stream(self._driver, request, response)

    return method

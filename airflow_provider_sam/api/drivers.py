"""The two ways to send a request: blocking and awaiting. All that is decided, is decided elsewhere."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpx
import tenacity
from httpx_sse import EventSource, ServerSentEvent

from airflow_provider_sam.api import wire
from airflow_provider_sam.api.retries import Persistence, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from airflow_provider_sam.api.operation import Operation, Request
    from airflow_provider_sam.api.settings import ClientSettings

T = TypeVar("T")


class Driver:
    """Sends requests and blocks until they are answered."""

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._sleep, self._clock, self._random = sleep, clock, random
        with wire.configured():
            self._http = httpx.Client(transport=transport, **wire.client_arguments(settings))

    def call(self, operation: Operation[T]) -> T:
        """Send, repeat where that is safe, and read the whole answer."""
        return self._persist(operation, lambda: wire.value(self._attempt(operation, stream=False), operation))

    @contextmanager
    def open(self, request: Request) -> Iterator[httpx.Response]:
        """Send, repeat where that is safe until an answer begins, and hold it open for the block."""
        response = self._persist(request, partial(self._attempt, request, stream=True))
        try:
            yield response
        finally:
            response.close()

    def chunks(self, request: Request, response: httpx.Response) -> Iterator[bytes]:
        """Give the bytes of an open answer as they arrive."""
        wire.read_widely(response)
        with wire.translated(request, self._settings):
            yield from response.iter_bytes()

    def events(self, request: Request, response: httpx.Response) -> Iterator[ServerSentEvent]:
        """Give the events of an open answer as they arrive."""
        with wire.translated(request, self._settings):
            yield from filter(wire.is_event, EventSource(response).iter_sse())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _persist(self, request: Request, attempt: Callable[[], T]) -> T:
        persistence = Persistence(request, self._settings.max_retries, clock=self._clock, random=self._random)
        retrying = tenacity.Retrying(retry=persistence.retry, wait=persistence.wait, sleep=self._sleep, reraise=True)
        with settled(request):
            return retrying(attempt)

    def _attempt(self, request: Request, *, stream: bool) -> httpx.Response:
        arguments = wire.request_arguments(request, self._settings)
        with wire.translated(request, self._settings):
            sent = self._http.build_request(**arguments, content=wire.content(request))
            response = self._http.send(sent, stream=stream)
            if response.is_success:
                return response
            try:
                response.read()
            finally:
                response.close()
        raise wire.refusal(response, request, self._settings)


class AsyncDriver:
    """Sends requests and lets others run until they are answered."""

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.AsyncBaseTransport | None,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._sleep, self._clock, self._random = sleep, clock, random
        with wire.configured():
            self._http = httpx.AsyncClient(transport=transport, **wire.client_arguments(settings))

    async def call(self, operation: Operation[T]) -> T:
        """Send, repeat where that is safe, and read the whole answer."""

        async def attempt() -> T:
            return wire.value(await self._attempt(operation, stream=False), operation)

        return await self._persist(operation, attempt)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Send, repeat where that is safe until an answer begins, and hold it open for the block."""
        response = await self._persist(request, partial(self._attempt, request, stream=True))
        try:
            yield response
        finally:
            await response.aclose()

    async def chunks(self, request: Request, response: httpx.Response) -> AsyncIterator[bytes]:
        """Give the bytes of an open answer as they arrive."""
        with wire.translated(request, self._settings):
            async for chunk in response.aiter_bytes():
                yield chunk

    async def events(self, request: Request, response: httpx.Response) -> AsyncIterator[ServerSentEvent]:
        """Give the events of an open answer as they arrive."""
        with wire.translated(request, self._settings):
            async for event in EventSource(response).aiter_sse():
                if wire.is_event(event):
                    yield event

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _persist(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        persistence = Persistence(request, self._settings.max_retries, clock=self._clock, random=self._random)
        retrying = tenacity.AsyncRetrying(
            retry=persistence.retry, wait=persistence.wait, sleep=self._sleep, reraise=True
        )
        with settled(request):
            return await retrying(attempt)

    async def _attempt(self, request: Request, *, stream: bool) -> httpx.Response:
        arguments = wire.request_arguments(request, self._settings)
        with wire.translated(request, self._settings):
            sent = self._http.build_request(**arguments, content=wire.async_content(request))
            response = await self._http.send(sent, stream=stream)
            if response.is_success:
                return response
            try:
                await response.aread()
            finally:
                await response.aclose()
        raise wire.refusal(response, request, self._settings)

"""The two ways to send a request: blocking and awaiting. All that is decided, is decided elsewhere."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import tenacity

from airflow_provider_sam.api import answers, wire
from airflow_provider_sam.api.operation import operation_of
from airflow_provider_sam.api.read_limits import atrace, read_within, trace
from airflow_provider_sam.api.receiving import Gathering, areceived, received
from airflow_provider_sam.api.retries import RetryState, ambiguous_creates
from airflow_provider_sam.api.sse import EventSplitter
from airflow_provider_sam.api.whole import is_whole, read_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from httpx_sse import ServerSentEvent

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
        self.settings = settings
        self._sleep, self._clock, self._random = sleep, clock, random
        self.rate_limits: Mapping[str, str] = {}
        with wire.configured():
            self._http = httpx.Client(transport=transport, **wire.client_arguments(settings))

    def call(self, operation: Operation[T]) -> T:
        """Send, repeat where that is safe, and read the whole answer."""
        return self._persist(operation, lambda: self._whole(operation, self._attempt(operation)))

    @contextmanager
    def open(self, request: Request) -> Iterator[httpx.Response]:
        """Send, repeat where that is safe until an answer begins, and hold it open for the block."""
        response = self._persist(request, partial(self._attempt, request))
        try:
            yield response
        finally:
            response.close()

    def chunks(self, request: Request, response: httpx.Response) -> Iterator[bytes]:
        """Return the bytes of an open answer as they arrive."""
        answers.check_stored(response, request, self.settings)
        wire.read_widely(response)
        with answers.translated(request, self.settings):
            yield from received(response)

    def events(self, request: Request, response: httpx.Response) -> Iterator[ServerSentEvent | dict[str, Any]]:
        """Return the events of an open answer as they arrive, or the data of those that a whole answer stands for."""
        if is_whole(response):
            yield from self._whole(operation_of(request, read_events), response)
            return
        with answers.translated(request, self.settings):
            splitter = EventSplitter(response, self.settings.limits.max_answer_bytes)
            for chunk in received(response):
                yield from splitter.feed(chunk)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _persist(self, request: Request, attempt: Callable[[], T]) -> T:
        persistence = RetryState(request, self.settings.max_retries, clock=self._clock, random=self._random)
        retrying = tenacity.Retrying(retry=persistence.retry, wait=persistence.wait, sleep=self._sleep, reraise=True)
        with ambiguous_creates(request):
            return retrying(attempt)

    def _attempt(self, request: Request) -> httpx.Response:
        arguments = wire.request_arguments(request, self.settings)
        with answers.translated(request, self.settings):
            sent = self._http.build_request(**arguments, content=wire.content(request), extensions={"trace": trace})
            # Streamed, so that the body is read within our bounds: httpx itself has none.
            response = self._http.send(sent, stream=True)
            self.rate_limits = answers.rate_limits(response, self.settings)
            if response.is_success:
                return response
            body = self._gather_error(request, response)
        raise answers.refusal(response, body, request, self.settings)

    def _whole(self, operation: Operation[T], response: httpx.Response) -> T:
        """Read an open answer to its end."""
        with answers.translated(operation, self.settings):
            body, whole = self._gather(operation, response, self.settings.limits.max_answer_bytes)
        if not whole:
            raise answers.too_long(response, operation, self.settings)
        return answers.value(response, body, operation, self.settings)

    def _gather_error(self, request: Request, response: httpx.Response) -> bytes:
        """Read the beginning of an open refusal: what it means is in its status, whatever its body is."""
        try:
            return self._gather(request, response, self.settings.limits.max_error_bytes)[0]
        except httpx.DecodingError:
            return answers.GARBLED

    def _gather(self, request: Request, response: httpx.Response, limit: int) -> tuple[bytes, bool]:
        """Read up to `limit` bytes of an open answer and close it; say also whether that was all."""
        try:
            gathering = Gathering(response, limit)
            with read_within(request.read_timeout):
                for chunk in received(response):
                    if not gathering.add(chunk):
                        break
            return gathering.data(), not gathering.cut
        finally:
            response.close()


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
        self.settings = settings
        self._sleep, self._clock, self._random = sleep, clock, random
        self.rate_limits: Mapping[str, str] = {}
        with wire.configured():
            self._http = httpx.AsyncClient(transport=transport, **wire.client_arguments(settings))

    async def call(self, operation: Operation[T]) -> T:
        """Send, repeat where that is safe, and read the whole answer."""

        async def attempt() -> T:
            return await self._whole(operation, await self._attempt(operation))

        return await self._persist(operation, attempt)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Send, repeat where that is safe until an answer begins, and hold it open for the block."""
        response = await self._persist(request, partial(self._attempt, request))
        try:
            yield response
        finally:
            await response.aclose()

    async def chunks(self, request: Request, response: httpx.Response) -> AsyncIterator[bytes]:
        """Return the bytes of an open answer as they arrive."""
        answers.check_stored(response, request, self.settings)
        with answers.translated(request, self.settings):
            async for chunk in areceived(response):
                yield chunk

    async def events(
        self, request: Request, response: httpx.Response
    ) -> AsyncIterator[ServerSentEvent | dict[str, Any]]:
        """Return the events of an open answer as they arrive, or the data of those that a whole answer stands for."""
        if is_whole(response):
            for event in await self._whole(operation_of(request, read_events), response):
                yield event
            return
        with answers.translated(request, self.settings):
            splitter = EventSplitter(response, self.settings.limits.max_answer_bytes)
            async for chunk in areceived(response):
                for streamed in splitter.feed(chunk):
                    yield streamed

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _persist(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        persistence = RetryState(request, self.settings.max_retries, clock=self._clock, random=self._random)
        retrying = tenacity.AsyncRetrying(
            retry=persistence.retry, wait=persistence.wait, sleep=self._sleep, reraise=True
        )
        with ambiguous_creates(request):
            return await retrying(attempt)

    async def _attempt(self, request: Request) -> httpx.Response:
        arguments = wire.request_arguments(request, self.settings)
        with answers.translated(request, self.settings):
            sent = self._http.build_request(
                **arguments, content=wire.async_content(request), extensions={"trace": atrace}
            )
            response = await self._http.send(sent, stream=True)
            self.rate_limits = answers.rate_limits(response, self.settings)
            if response.is_success:
                return response
            body = await self._gather_error(request, response)
        raise answers.refusal(response, body, request, self.settings)

    async def _whole(self, operation: Operation[T], response: httpx.Response) -> T:
        """Read an open answer to its end."""
        with answers.translated(operation, self.settings):
            body, whole = await self._gather(operation, response, self.settings.limits.max_answer_bytes)
        if not whole:
            raise answers.too_long(response, operation, self.settings)
        return answers.value(response, body, operation, self.settings)

    async def _gather_error(self, request: Request, response: httpx.Response) -> bytes:
        """Read the beginning of an open refusal: what it means is in its status, whatever its body is."""
        try:
            return (await self._gather(request, response, self.settings.limits.max_error_bytes))[0]
        except httpx.DecodingError:
            return answers.GARBLED

    async def _gather(self, request: Request, response: httpx.Response, limit: int) -> tuple[bytes, bool]:
        """Read up to `limit` bytes of an open answer and close it; say also whether that was all."""
        try:
            gathering = Gathering(response, limit)
            with read_within(request.read_timeout):
                async with aclosing(areceived(response)) as chunks:
                    async for chunk in chunks:
                        if not gathering.add(chunk):
                            break
            return gathering.data(), not gathering.cut
        finally:
            await response.aclose()

"""The API's operations as methods, blocking and awaiting; each is derived from its one description in `endpoints`."""

from __future__ import annotations

import asyncio
import random as random_module
import time
from typing import TYPE_CHECKING, Self

from airflow_provider_sam.api import methods
from airflow_provider_sam.api.drivers import AsyncDriver, Driver
from airflow_provider_sam.api.endpoints import Endpoints
from airflow_provider_sam.api.jsonl import aiter_lines, iter_lines
from airflow_provider_sam.api.results import AsyncResultsStream, ResultsStream, read_result
from airflow_provider_sam.api.streaming import (
    AsyncCompletionStream,
    AsyncMessageStream,
    CompletionStream,
    MessageStream,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    import httpx

    from airflow_provider_sam.api.models import BatchResultLine
    from airflow_provider_sam.api.settings import ClientSettings

__all__ = [
    "AsyncSamClient",
    "SamClient",
]


class SamClient(methods.Blocking):
    """The API, blocking. Close it, or use it as a context manager.

    The arguments that many methods share, and the errors, are described in `Endpoints`.

    :param transport: sends in place of the network.
    :param sleep: waits a number of seconds between attempts.
    :param clock: gives seconds that only ever grow.
    :param random: gives a number from 0 to 1, for the jitter of waits.
    :raises SamRequestError: the settings make no client, for example because the CA bundle cannot be read.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.settings = settings
        self._endpoints = Endpoints(settings)
        self._driver = Driver(settings, transport=transport, sleep=sleep, clock=clock, random=random)

    create_message = methods.call(Endpoints.create_message)
    count_tokens = methods.call(Endpoints.count_tokens)
    create_completion = methods.call(Endpoints.create_completion)
    create_batch = methods.call(Endpoints.create_batch)
    get_batch = methods.call(Endpoints.get_batch)
    list_batches = methods.call(Endpoints.list_batches)
    list_batch_statuses = methods.call(Endpoints.list_batch_statuses)
    cancel_batch = methods.call(Endpoints.cancel_batch)
    delete_batch = methods.call(Endpoints.delete_batch)
    get_model = methods.call(Endpoints.get_model)
    list_models = methods.call(Endpoints.list_models)

    iter_batches = methods.walk(Endpoints.list_batches)
    iter_models = methods.walk(Endpoints.list_models)

    stream_message = methods.opened(Endpoints.stream_message, MessageStream)
    stream_completion = methods.opened(Endpoints.stream_completion, CompletionStream)
    stream_results = methods.opened(Endpoints.stream_results, ResultsStream)

    def iter_results(
        self, batch_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> Iterator[BatchResultLine]:
        """Return the results of a batch that has ended, one by one, in the server's order.

        :raises SamResponseError: a line is torn or no result; the message names its number.
        """
        with self.stream_results(batch_id, betas=betas, retry_for=retry_for) as stream:
            for line in iter_lines(stream, longest=self.settings.limits.max_result_line_bytes):
                yield read_result(line)

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """What the latest answer said of the rate limits, such as ``requests-remaining``; empty if it said nothing."""
        return self._driver.rate_limits

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.base_url!r})"


class AsyncSamClient(methods.Awaiting):
    """The API, awaiting; the same methods and arguments as `SamClient`.

    One client serves one event loop. Close it with `aclose`, or use it as an asynchronous context manager.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.settings = settings
        self._endpoints = Endpoints(settings)
        self._driver = AsyncDriver(settings, transport=transport, sleep=sleep, clock=clock, random=random)

    create_message = methods.acall(Endpoints.create_message)
    count_tokens = methods.acall(Endpoints.count_tokens)
    create_completion = methods.acall(Endpoints.create_completion)
    create_batch = methods.acall(Endpoints.create_batch)
    get_batch = methods.acall(Endpoints.get_batch)
    list_batches = methods.acall(Endpoints.list_batches)
    list_batch_statuses = methods.acall(Endpoints.list_batch_statuses)
    cancel_batch = methods.acall(Endpoints.cancel_batch)
    delete_batch = methods.acall(Endpoints.delete_batch)
    get_model = methods.acall(Endpoints.get_model)
    list_models = methods.acall(Endpoints.list_models)

    iter_batches = methods.awalk(Endpoints.list_batches)
    iter_models = methods.awalk(Endpoints.list_models)

    stream_message = methods.aopened(Endpoints.stream_message, AsyncMessageStream)
    stream_completion = methods.aopened(Endpoints.stream_completion, AsyncCompletionStream)
    stream_results = methods.aopened(Endpoints.stream_results, AsyncResultsStream)

    async def iter_results(
        self, batch_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> AsyncIterator[BatchResultLine]:
        """Return the results of a batch that has ended, one by one, in the server's order.

        :raises SamResponseError: a line is torn or no result; the message names its number.
        """
        async with self.stream_results(batch_id, betas=betas, retry_for=retry_for) as stream:
            async for line in aiter_lines(stream, longest=self.settings.limits.max_result_line_bytes):
                yield read_result(line)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """What the latest answer said of the rate limits, such as ``requests-remaining``; empty if it said nothing."""
        return self._driver.rate_limits

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.base_url!r})"

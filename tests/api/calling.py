"""Both clients behind one face, so that every test runs on each; and time that passes only when somebody waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_sam.api.client import AsyncSamClient, SamClient

if TYPE_CHECKING:
    import httpx

    from airflow_provider_sam.api.results import ResultsHead
    from airflow_provider_sam.api.settings import ClientSettings


class Patience:
    """A clock, and the waits that were asked for; jitter is left out."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


class Streamed(NamedTuple):
    events: list[Any]
    final: Any


class Downloaded(NamedTuple):
    head: ResultsHead
    data: bytes


class Blocking:
    """Calls a method of `SamClient` and reads all that it gives."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience

    def __call__(
        self,
        settings: ClientSettings,
        method: str,
        *args: Any,
        transport: httpx.MockTransport | None = None,
        **kwargs: Any,
    ) -> Any:
        patience = self.patience
        with SamClient(
            settings, transport=transport, sleep=patience.sleep, clock=patience.clock, random=lambda: 0.0
        ) as client:
            return self._read(method, getattr(client, method)(*args, **kwargs))

    def _read(self, method: str, given: Any) -> Any:
        if method.startswith("iter_"):
            return list(given)
        if not method.startswith("stream_"):
            return given
        with given as stream:
            pieces = list(stream)
            if method == "stream_results":
                return Downloaded(stream, b"".join(pieces))
            return Streamed(pieces, getattr(stream, method.replace("stream_", "get_final_"))())


class Awaiting:
    """Calls a method of `AsyncSamClient` in an event loop and reads all that it gives."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(self._call(*args, **kwargs))

    async def _call(
        self,
        settings: ClientSettings,
        method: str,
        *args: Any,
        transport: httpx.MockTransport | None = None,
        **kwargs: Any,
    ) -> Any:
        patience = self.patience
        async with AsyncSamClient(
            settings, transport=transport, sleep=patience.asleep, clock=patience.clock, random=lambda: 0.0
        ) as client:
            given = getattr(client, method)(*args, **kwargs)
            if method.startswith("iter_"):
                return [entry async for entry in given]
            if not method.startswith("stream_"):
                return await given
            async with given as stream:
                pieces = [piece async for piece in stream]
                if method == "stream_results":
                    return Downloaded(stream, b"".join(pieces))
                return Streamed(pieces, await getattr(stream, method.replace("stream_", "get_final_"))())

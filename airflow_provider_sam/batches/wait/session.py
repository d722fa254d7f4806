"""One client for a long watch, which outlives the rotation of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from airflow_provider_sam.api.errors import SamError
from airflow_provider_sam.batches.wait.pacing import reaction_to
from airflow_provider_sam.exceptions import SamConnectionLookupError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_sam.api.client import AsyncSamClient

AnswerT = TypeVar("AnswerT")


class ClientSession:
    """A client that is made at its first use, and made anew when it is refused: its key may have been rotated.

    :param connect: reads the connection and gives a new client; whatever it raises may pass.
    """

    def __init__(self, connect: Callable[[], Awaitable[AsyncSamClient]]) -> None:
        self._connect = connect
        self._client: AsyncSamClient | None = None

    async def client(self) -> AsyncSamClient:
        """Return the client, made of the connection at the first call.

        :raises SamConnectionLookupError: the connection cannot be read now.
        :raises SamError: the connection cannot be used as it is.
        """
        if self._client is None:
            self._client = await self._connected()
        return self._client

    async def call(self, call: Callable[[AsyncSamClient], Awaitable[AnswerT]]) -> AnswerT:
        """Make a call; if it is refused and the connection says something else by now, make it once more.

        :raises SamError: what the call raised.
        """
        client = await self.client()
        try:
            return await call(client)
        except SamError as error:
            if reaction_to(error) != "reconnect":
                raise
            return await call(await self._reconnected(client, error))

    async def _reconnected(self, client: AsyncSamClient, refusal: SamError) -> AsyncSamClient:
        """Read the connection anew; a key that is still the same stays refused."""
        fresh = await self._connected()
        if fresh.settings == client.settings:
            await fresh.aclose()
            raise refusal
        self._client = fresh
        await client.aclose()
        return fresh

    async def _connected(self) -> AsyncSamClient:
        try:
            return await self._connect()
        except SamError:
            raise
        except Exception as problem:
            text = f"the connection cannot be read now ({type(problem).__name__}: {problem})"
            raise SamConnectionLookupError(text) from problem

    async def aclose(self) -> None:
        """Close the client."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

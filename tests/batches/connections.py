"""A connection that leads to the emulator, may change, and counts the clients made of it."""

from __future__ import annotations

from airflow_provider_sam.api.client import AsyncSamClient
from airflow_provider_sam.api.settings import ClientSettings


def settings_of(emulator, **changes):
    return ClientSettings(**({"base_url": emulator.url, "api_key": emulator.api_key} | changes))


class Connections:
    """Gives clients to a poll as a connection would, and counts those that are open."""

    def __init__(self, settings):
        self.settings = settings
        self.open = self.made = 0

    async def __call__(self):
        client = AsyncSamClient(self.settings)
        self.open += 1
        self.made += 1
        close = client.aclose

        async def aclose():
            self.open -= 1
            await close()

        client.aclose = aclose
        return client

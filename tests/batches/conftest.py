"""What several tests of this room use: batches that end when they are told to, and clients that are counted."""

from __future__ import annotations

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.emulator import OnDemand
from tests.batches.connections import Connections, settings_of


@pytest.fixture
def connections(sam_emulator):
    """What connects to the emulator, and remembers how often."""
    return Connections(settings_of(sam_emulator))


@pytest.fixture
def create(sam_emulator, requests):
    """Creates batches that go on until they are told to end."""
    sam_emulator.progress = OnDemand()

    def create(number=1):
        with SamClient(settings_of(sam_emulator)) as client:
            return [client.create_batch(requests[:1]).id for _ in range(number)]

    return create

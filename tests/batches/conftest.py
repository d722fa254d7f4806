"""What several tests of this room use: batches that end when told to, clients that are counted, a lab to submit in."""

from __future__ import annotations

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.emulator import OnDemand, SamEmulator
from tests.batches.connections import Connections, settings_of
from tests.batches.submission_lab import Clock, Lab


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


@pytest.fixture(scope="module")
def server():
    """An emulator for all tests of a file, and its clock; batches end when they are told to."""
    clock = Clock()
    with SamEmulator(clock=clock, progress=OnDemand()) as emulator:
        yield emulator, clock


@pytest.fixture
def lab(server, tmp_path):
    """Where tasks submit to an empty server, and what they keep between their tries."""
    emulator, clock = server
    emulator.reset()
    lab = Lab(emulator, clock, tmp_path)
    yield lab
    lab.client.close()

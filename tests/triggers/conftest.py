"""Tests of what an Airflow does not have are not collected on it; and the batches that triggers wait for."""

from __future__ import annotations

from importlib.util import find_spec

import airflow.triggers.base
import pytest

from airflow_provider_sam.emulator import OnDemand
from airflow_provider_sam.hooks.sam import SamHook
from tests.triggers.airflow import Airflow

NEEDS = {
    "test_ended.py": hasattr(airflow.triggers.base, "BaseEventTrigger"),  # 3.0
    "test_ended_shared.py": find_spec("airflow.triggers.shared_stream"),  # 3.3
}

collect_ignore = [name for name, there in NEEDS.items() if not there]


@pytest.fixture
def create(sam, requests):
    """Creates a batch that goes on until it is told to end."""
    sam.progress = OnDemand()

    def create():
        with SamHook().client as client:
            return client.create_batch(requests).id

    return create


@pytest.fixture
def airflow(monkeypatch):
    """The triggerer's line to Airflow; whatever is asked, the task is no more until a test says otherwise."""
    airflow = Airflow()
    monkeypatch.setattr("airflow_provider_sam.triggers.kills.ask_airflow", airflow.ask)
    monkeypatch.setattr("airflow_provider_sam.triggers.kills.tell_airflow", airflow.ask)
    return airflow

"""A home of its own for Airflow, and the emulator as the connection `sam_default`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.commands import airflow

ROOT = Path(__file__).parents[1]

# Airflow reads its configuration when it is first imported, which is before any fixture runs.
AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-home-")
os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "example_dags"),
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    # Nobody listens there. Tasks ask the API server how the triggerer does, which is not to be somebody else's.
    AIRFLOW__API__BASE_URL="http://127.0.0.1:9",
)
for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[name]


def pytest_unconfigure() -> None:
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def database():
    """Airflow's database, for tests that run a Dag."""
    airflow("db", "migrate")


@pytest.fixture
def sam(sam_emulator, monkeypatch):
    """The emulator, with the connection `sam_default` leading to it."""
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", sam_emulator.connection_json)
    return sam_emulator


@pytest.fixture
def default_model(sam, monkeypatch):
    """The model that the connection `sam_default` names."""
    connection = json.loads(sam.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection | {"extra": {"model": "sam-large"}}))
    return "sam-large"


@pytest.fixture
def requests():
    """Five requests of a batch."""
    return [
        {
            "custom_id": f"row-{number}",
            "params": {
                "model": "sam-small",
                "max_tokens": 20,
                "messages": [{"role": "user", "content": f"Classify {number}."}],
            },
        }
        for number in range(5)
    ]

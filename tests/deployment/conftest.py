"""An Airflow that the tests share, with an emulator that ends a batch when a test says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sam.emulator import OnDemand, SamEmulator
from tests.deployment.stack import airflow_stack

SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}


@pytest.fixture(scope="session")
def emulator():
    with SamEmulator(progress=OnDemand()) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def airflow(emulator, tmp_path_factory):
    """An Airflow whose connection leads to the emulator."""
    home = tmp_path_factory.mktemp("airflow")
    env = SETTINGS | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW_CONN_SAM_DEFAULT": emulator.connection_json,
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env={**os.environ, **env}, check=True, capture_output=True)
    with airflow_stack(home, env) as airflow:
        yield airflow

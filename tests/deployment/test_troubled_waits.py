"""Waits come through what goes wrong around them, all of it at once: on a real Airflow with a secrets backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sam.emulator import AlteredBatch, Fault, Status
from tests.deployment.conftest import SETTINGS
from tests.deployment.processes import kill
from tests.deployment.stack import airflow_stack, wait_for
from tests.deployment.triggerers import another_triggerer
from tests.deployment.vault import FILE
from tests.deployment.waiting import create, many_in_state, start_many

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(900),
]

DAG_ID = "started_waits"
"""Its waits take no worker before they end, so that many are there soon."""

WAITS = 300


@pytest.fixture
def vault(emulator, tmp_path):
    """The vault's file, which holds the connection to the emulator."""
    file = tmp_path / "vault.json"
    file.write_text(json.dumps({"sam_default": emulator.connection_json}))
    return file


@pytest.fixture
def airflow_with_vault(vault, tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow-with-vault")
    env = SETTINGS | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW__SECRETS__BACKEND": "tests.deployment.vault.Vault",
        FILE: str(vault),
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env={**os.environ, **env}, check=True, capture_output=True)
    with airflow_stack(home, env) as airflow:
        yield airflow


def looks(emulator, status):
    return sum(emulator.count(f"messages_batches_{name}", status=status) for name in ("list", "retrieve"))


def test_waits_outlive_a_vault_that_is_away_a_key_rotated_early_and_a_malformed_neighbour(
    airflow_with_vault, vault, emulator, requests, tmp_path
):
    airflow = airflow_with_vault
    emulator.reset()
    *ids, stranger = create(emulator, requests, WAITS + 1)
    emulator.faults.add(Fault(AlteredBatch({"expires_at": None}, batch_id=stranger), times=None))
    start_many(airflow, DAG_ID, ids)
    wait_for(lambda: len(many_in_state(airflow, DAG_ID, "deferred")) == WAITS, within=240, what="all waits deferred")
    wait_for(lambda: looks(emulator, 200), within=60, what="a look of the triggerer")
    kill(airflow.parts["triggerer"])
    held = vault.read_text()
    vault.unlink()
    with another_triggerer(airflow, tmp_path):
        log = tmp_path / "triggerer.log"
        wait_for(lambda: "the connection cannot be read now" in log.read_text(), within=240, what="a failing look-up")
        emulator.faults.add(Fault(Status(401), operation="messages_batches_list", times=3))
        emulator.faults.add(Fault(Status(401), operation="messages_batches_retrieve", times=3))
        vault.write_text(held)
        wait_for(lambda: looks(emulator, 401) >= 3, within=240, what="refusals")
        assert len(many_in_state(airflow, DAG_ID, "deferred")) == WAITS
        for batch_id in ids:
            emulator.end_batch(batch_id)
        wait_for(lambda: len(many_in_state(airflow, DAG_ID, "success")) == WAITS, within=400, what="all waits ended")
    assert {tries for _, _, tries in many_in_state(airflow, DAG_ID, "success")} == {1}
    assert emulator.count("messages_batches_cancel") == 0

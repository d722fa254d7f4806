"""Test a Dag without a key, a network or a bill: run as it stands, and shown in the documentation."""

from __future__ import annotations

import pytest

# Airflow's own `dag.test()` warns of its libraries, and elsewhere in this suite a warning is an error.
pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]


@pytest.fixture
def sam(sam_emulator, monkeypatch):
    """Lead the connection `sam_default` to the emulator."""
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", sam_emulator.connection_json)
    return sam_emulator


@pytest.mark.usefixtures("database")
def test_my_dag_creates_one_batch_and_lands_each_result(sam, tmp_path):
    from example_dags.example_sam_batch import dag

    run = dag.test(run_conf={"folder": tmp_path.as_uri()})

    assert run.state == "success"
    assert len(sam.batches) == 1
    (results,) = tmp_path.glob("*/results.jsonl")
    assert len(results.read_bytes().splitlines()) == sam.batches[0].requests

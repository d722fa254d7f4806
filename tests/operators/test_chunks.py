"""Mapped chunks of one size, some of whose creates are lost, end with a batch each that is their own, in Airflow."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_sam.emulator import Drop, Fault
from tests.commands import airflow

CREATE = "messages_batches_create"
CHUNKS = 5

DAG = '''
"""Chunks of equal size, submitted by mapped tasks."""

from datetime import datetime

from airflow_provider_sam.operators.batch import SamCreateBatchOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG


class Submit(SamCreateBatchOperator):
    """Says which batch it has."""

    def execute(self, context):
        batch_id = super().execute(context)
        print("SUBMITTED", context["ti"].map_index, batch_id, flush=True)
        return batch_id


with DAG("chunks", start_date=datetime(2026, 1, 1), schedule=None):
    Submit.partial(
        task_id="submit", defaults={"model": "sam-small", "max_tokens": 5}, visibility_timeout=1.0
    ).expand(requests=[[f"Chunk {chunk}, prompt {n}" for n in range(3)] for chunk in range(COUNT)])
'''.replace("COUNT", str(CHUNKS))


@pytest.mark.timeout(300)
def test_each_chunk_has_the_batch_that_is_its_own(sam, database, tmp_path):  # noqa: ARG001 - the database must be there
    (tmp_path / "chunks.py").write_text(DAG, encoding="utf-8")
    for nth, accepted in ((1, False), (3, True), (5, False)):
        sam.faults.add(Fault(Drop(accepted=accepted), operation=CREATE, nth=nth))
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(tmp_path)},
    }
    said = airflow(
        "dags",
        "test",
        "chunks",
        AIRFLOW_CONN_SAM_DEFAULT=sam.connection_json,
        AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path),
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([bundle]),
    )
    found = {int(chunk): batch_id for chunk, batch_id in re.findall(r"SUBMITTED (\d+) (\w+)", said)}
    assert sorted(found) == list(range(CHUNKS)), said
    assert sorted(found.values()) == sorted(batch.id for batch in sam.batches)
    for chunk, batch_id in found.items():
        sent = [params["messages"][0]["content"] for _, params in sam.batch_requests(batch_id)]
        assert sent == [f"Chunk {chunk}, prompt {n}" for n in range(3)]

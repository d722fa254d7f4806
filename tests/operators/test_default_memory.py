"""Without a `state_path`, a submission is remembered in the Airflow that runs the task, and all its tasks see it."""

from __future__ import annotations

import re

import pytest

from airflow_provider_sam.emulator import Drop, Fault
from tests.commands import airflow, dags_at

DAG = '''
"""A task submits, forgets what it knew of the answer, and submits again; then another one looks into the register."""

import logging
from datetime import datetime

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.batches.store.store import memory_for, register_for
from airflow_provider_sam.operators.batch import SamCreateBatchOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

REQUESTS = [
    {"custom_id": f"row-{n}", "params": {"model": "sam-small", "max_tokens": 5, "messages": [
        {"role": "user", "content": "Hello"}]}}
    for n in range(3)
]


class Submit(SamCreateBatchOperator):
    """Submits twice, as two tries do."""

    def execute(self, context):
        first = super().execute(context)
        second = super().execute(context)
        print("SUBMITTED", first == second, flush=True)
        return second


class Look(BaseOperator):
    """Looks into the register as other tasks do."""

    def execute(self, context):
        log = logging.getLogger("task")
        batch_id = context["ti"].xcom_pull(task_ids="submit")
        claim = register_for(context, None, log=log).find(batch_id)
        print("CLAIM", claim.name, claim.requests, flush=True)
        memory = memory_for(context, None, log=log)
        print("OTHER", memory.holder(batch_id) == claim, memory.load(), flush=True)


with DAG("default_memory", start_date=datetime(2026, 1, 1), schedule=None):
    Submit(task_id="submit", requests=REQUESTS, visibility_timeout=1.0) >> Look(task_id="look")
'''


@pytest.fixture
def said(sam, database, tmp_path):  # noqa: ARG001 - the database must be there
    (tmp_path / "default_memory.py").write_text(DAG, encoding="utf-8")
    sam.faults.add(Fault(Drop(accepted=True), operation="messages_batches_create"))
    return airflow("dags", "test", "default_memory", AIRFLOW_CONN_SAM_DEFAULT=sam.connection_json, **dags_at(tmp_path))


@pytest.mark.timeout(300)
def test_a_submission_is_remembered_and_known_to_all_tasks_with_the_variables_as_they_are(sam, said):
    assert "SUBMITTED True" in said, said
    assert len(sam.batches) == 1
    assert re.search(r"CLAIM default_memory\.submit of \S+ 3", said), said
    assert "OTHER True None" in said
    assert "not recorded" not in said
    keys = re.findall(r"sam_\w+\.\w+", airflow("variables", "list"))
    assert f"sam_batch.{sam.batches[0].id}" in keys
    assert any(key.startswith("sam_index.") for key in keys)

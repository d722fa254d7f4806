"""Where a task that runs in Airflow remembers, and where it looks up who holds a batch."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from airflow_provider_sam.batches.store import store as choosing
from airflow_provider_sam.batches.store.store import NoRegister, TaskStateRecords, memory_for, register_for
from airflow_provider_sam.batches.store.variable_store import VariableRegister, VariableStore

LOG = logging.getLogger(__name__)
TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=None)


class StateStore(dict):
    """Stands for Airflow's accessor of the task state."""


@pytest.fixture(autouse=True)
def _in_airflow(monkeypatch):
    monkeypatch.setattr(choosing, "variables_are_reachable", lambda _ti: True)


@pytest.mark.parametrize(
    ("context", "kind"), [({"task_state_store": StateStore()}, TaskStateRecords), ({}, VariableStore)]
)
def test_a_record_lies_in_the_task_state_store_where_there_is_one_and_in_a_variable_elsewhere(context, kind):
    assert type(memory_for({"ti": TI} | context, None, log=LOG)) is kind


def test_the_register_lies_in_variables_for_every_task_of_this_airflow():
    assert type(register_for({"ti": TI}, None, log=LOG)) is VariableRegister


def test_what_knows_of_no_claim_finds_none():
    assert NoRegister().find("msgbatch_1") is NoRegister().holder("msgbatch_1") is None

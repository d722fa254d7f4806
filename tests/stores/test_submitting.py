"""Requests are read from a store and submissions are remembered there, through a connection, as on a local disk."""

from __future__ import annotations

import gzip
import json
import threading
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sam.batches.store.store import ObjectStore, Submitted, TaskIdentity
from airflow_provider_sam.emulator import Drop, Fault, OnDemand
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

pytestmark = [pytest.mark.stores, pytest.mark.timeout(300)]

CREATE = "messages_batches_create"


@pytest.fixture(params=["s3", "azure"])  # GCS has preconditions too, but its emulator has none
def store(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def submit(sam, store, monkeypatch, requests):
    extra = {"max_batch_requests": 2, "state_path": f"{store.root}/state"}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(json.loads(sam.connection_json) | {"extra": extra}))
    lines = [json.dumps(request).encode() + b"\n" for request in requests]
    store.put("in/a.jsonl", b"".join(lines[:3]))
    store.put("in/b.jsonl.gz", gzip.compress(b"".join(lines[3:])))

    def submit(run_id="run"):
        operator = ObjectStorageToSamBatchOperator(task_id="submit", path=f"{store.root}/in/", visibility_timeout=0.01)
        ti = SimpleNamespace(dag_id="dag", run_id=run_id, task_id="submit", map_index=-1, max_tries=0)
        return operator.execute({"ti": ti})

    return submit


def test_a_folder_is_submitted_once_although_an_answer_is_lost(sam, submit):
    sam.progress = OnDemand()
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE, nth=2))
    with pytest.raises(TaskDeferred):
        submit()
    for batch in sam.batches:
        sam.end_batch(batch.id)
    ids = submit()
    assert ids == [batch.id for batch in sam.batches] == submit()
    sent = [name for batch_id in ids for name, _ in sam.batch_requests(batch_id)]
    assert sorted(sent) == [f"row-{number}" for number in range(5)]


def test_another_run_of_the_same_input_has_batches_of_its_own(sam, submit):
    assert not set(submit("monday")) & set(submit("tuesday"))
    assert len(sam.batches) == 6


def test_of_many_tasks_that_claim_a_batch_at_once_one_holds_it(store):
    memories = [ObjectStore(store.path("state"), TaskIdentity("dag", f"run-{number}", "task")) for number in range(8)]
    holders, start = [], threading.Barrier(len(memories))

    def claim(memory):
        start.wait()
        holders.append(memory.claim("msgbatch_1", Submitted("aaa", 5, "")))

    threads = [threading.Thread(target=claim, args=[memory]) for memory in memories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert holders.count(None) == 1
    assert len({holder.owner for holder in holders if holder}) == 1

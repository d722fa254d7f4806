"""Mapped chunks of one size, some of whose creates are lost, end with a batch each that is their own, in Airflow.

Each is remembered where that Airflow remembers by default: in the task state store, or in variables.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from airflow_provider_sam.emulator import Drop, Fault, OnDemand
from tests.commands import airflow, dags_at

CREATE = "messages_batches_create"
DAGS = dags_at(Path(__file__).parent / "dags")
PROMPTS = 3
LOST = 0.2
"""Part of the creates whose answer is lost."""


def lose_creates(sam, seed):
    """Lose creates, half of them before and half after the server has accepted them."""
    dice = random.Random(seed)
    lost = [nth for nth in range(1, 1000) if dice.random() < LOST]
    sam.faults.add(*(Fault(Drop(accepted=dice.random() < 0.5), operation=CREATE, nth=nth) for nth in lost))


def landed(path):
    """Return the custom_ids of a file of results."""
    return sorted(json.loads(line)["custom_id"] for line in path.read_text(encoding="utf-8").splitlines())


def check(sam, folder, batch_id, prompts):
    """Compare what a chunk's batch was asked, and what was landed of it, with the chunk's own."""
    sent = dict(sam.batch_requests(batch_id))
    assert [params["messages"][0]["content"] for params in sent.values()] == prompts
    assert landed(folder / f"{batch_id}.jsonl") == sorted(sent)


def run(dag_id, sam, folder, **told):
    """Run a Dag in this Airflow, and give what it says."""
    lab = json.dumps({"prompts": PROMPTS, "folder": str(folder)} | told)
    return airflow("dags", "test", dag_id, AIRFLOW_CONN_SAM_DEFAULT=sam.connection_json, CHUNKS_LAB=lab, **DAGS)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("chunks", [5, pytest.param(20, marks=pytest.mark.long)])
def test_each_mapped_chunk_has_and_lands_the_batch_that_is_its_own(sam, database, tmp_path, chunks):  # noqa: ARG001
    lose_creates(sam, seed=7)
    said = run("chunks", sam, tmp_path, chunks=chunks)
    found = {int(path.name[6:]): path.read_text(encoding="utf-8") for path in tmp_path.glob("chunk-*")}
    assert sorted(found) == list(range(chunks)), said
    assert sorted(found.values()) == sorted(batch.id for batch in sam.batches)
    assert sam.count(CREATE) > chunks  # some were sent again
    for chunk, batch_id in found.items():
        check(sam, tmp_path / "landed", batch_id, [f"Chunk {chunk}, prompt {n}" for n in range(PROMPTS)])


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_ten_rounds_of_twenty_chunks_have_and_land_the_batches_that_are_their_own(sam, database, tmp_path):  # noqa: ARG001
    rounds, chunks = 10, 20
    sam.progress = OnDemand()
    lose_creates(sam, seed=1)
    said = run("chunk_rounds", sam, tmp_path, rounds=rounds, chunks=chunks)
    assert (tmp_path / "found.json").exists(), said
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    ids = [batch_id for batch_ids in found for batch_id in batch_ids]
    assert len(ids) == rounds * chunks
    assert sorted(ids) == sorted(batch.id for batch in sam.batches)
    for number, batch_ids in enumerate(found):
        for chunk, batch_id in enumerate(batch_ids):
            own = [f"Round {number}, chunk {chunk}, prompt {n}" for n in range(PROMPTS)]
            check(sam, tmp_path / f"round-{number}", batch_id, own)

"""Rounds of chunks of one size, each submitted and landed by operators inside a task of a real Airflow.

The chunks of a round come in a random order, and go on after they have left their worker in another one: what mapped
tasks do that run beside each other, without the seconds that each task costs Airflow.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import httpx
import pendulum

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.batches.store import variable_store
from airflow_provider_sam.batches.wait.event import BatchEvent
from airflow_provider_sam.exceptions import SamSubmissionError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

try:
    from airflow.sdk import DAG
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow import DAG
    from airflow.exceptions import TaskDeferred

LAB: dict[str, Any] = json.loads(os.environ["CHUNKS_LAB"])
"""How many rounds and chunks there are, and the folder where their results go."""

CHUNKS, PROMPTS, FOLDER = LAB["chunks"], LAB["prompts"], Path(LAB["folder"])
ENDED = BatchEvent(outcome="ended", batches=(), message="").dump()


class Prefixed:
    """The task state of one of several tasks, inside that of the task which runs them all."""

    def __init__(self, store: Any, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def get(self, key: str) -> Any:
        """Return the value, or None."""
        return self._store.get(f"{self._prefix}.{key}")

    def set(self, key: str, value: Any, **retention: Any) -> None:
        """Write the value."""
        self._store.set(f"{self._prefix}.{key}", value, **retention)


class Chunk:
    """One mapped task of a round, and its context."""

    def __init__(self, real: dict[str, Any], round_: int, number: int) -> None:
        self._operator = SamCreateBatchOperator(
            task_id="submit",
            requests=[f"Round {round_}, chunk {number}, prompt {n}" for n in range(PROMPTS)],
            defaults={"model": "sam-small", "max_tokens": 5},
            visibility_timeout=0.01,
        )
        self._context = context_of(real, self._operator, round_, number)
        self._left: TaskDeferred | None = None

    def go_on(self) -> str | None:
        """Submit; return the batch, or None where the task waits until a batch has ended, or for its next try."""
        left, self._left = self._left, None
        try:
            if left is None:
                return self._operator.execute(self._context)
            end(left.trigger.batch_ids[0])
            return getattr(self._operator, left.method_name)(self._context, event=ENDED)
        except TaskDeferred as question:
            self._left = question
        except SamSubmissionError:  # too many creates in a row were lost
            self._operator.log.info("Trying again, as Airflow does", exc_info=True)
        return None


def context_of(real: dict[str, Any], operator: BaseOperator, round_: int, number: int) -> dict[str, Any]:
    """Make the context of a mapped task from that of the real one, in whose name it speaks to Airflow."""
    ti, run_id = real["ti"], f"round-{round_}"
    if hasattr(ti, "model_copy"):
        ti = ti.model_copy(update={"run_id": run_id, "task_id": operator.task_id, "map_index": number})
    else:  # Airflow 2, where it is a row of the database
        ti = type(ti)(operator, run_id=run_id, map_index=number)
    context = {"ti": ti, "task": operator}
    if "task_state_store" in real:
        context["task_state_store"] = Prefixed(real["task_state_store"], f"{round_}.{operator.task_id}.{number}")
    return context


def end(batch_id: str) -> None:
    """Let a batch end at the emulator."""
    connection = json.loads(os.environ["AIRFLOW_CONN_SAM_DEFAULT"])
    url = f"{connection['host']}/_emulator/batches/{batch_id}/end"
    httpx.post(url, headers={"x-api-key": connection["password"]}).raise_for_status()


class Rounds(BaseOperator):
    """Submits and lands all rounds, and says which chunk has got which batch."""

    def execute(self, context: dict[str, Any]) -> None:
        """Run round after round."""
        variable_store.SETTLING = 0.0  # nobody else claims a batch at the same time
        found = [self._round(context, number) for number in range(LAB["rounds"])]
        (FOLDER / "found.json").write_text(json.dumps(found), encoding="utf-8")

    def _round(self, context: dict[str, Any], round_: int) -> list[str]:
        dice = random.Random(round_)
        chunks = {number: Chunk(context, round_, number) for number in range(CHUNKS)}
        ids: dict[int, str] = {}
        while left := sorted(chunks.keys() - ids):
            for number in dice.sample(left, len(left)):
                if (batch_id := chunks[number].go_on()) is not None:
                    ids[number] = batch_id
        batch_ids = [ids[number] for number in range(CHUNKS)]
        for batch_id in batch_ids:
            end(batch_id)
        land = SamBatchToObjectStorageOperator(
            task_id="land", batch_id=batch_ids, path=f"{FOLDER.as_uri()}/round-{round_}/"
        )
        land.execute(context_of(context, land, round_, -1))
        return batch_ids


with DAG("chunk_rounds", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None):
    Rounds(task_id="rounds")

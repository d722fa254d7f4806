"""The programs that make requests of a table's rows, and a table of the answers: each half in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from tests.benchmarks.contenders import API_KEY, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

PROMPT = "Which is it?\n\n"
PARAMS = {"model": "sam-small", "max_tokens": 100}


class Judgement(BaseModel):
    """What a document is."""

    label: Literal["positive", "negative", "other"]
    confidence: float
    reason: str


class Floor:
    """What pyarrow and a few lines do: the rows are read, sent, joined and written, and nothing is checked."""

    def __init__(self, url: str, folder: Path) -> None:
        import http.client

        import pyarrow.compute
        import pyarrow.json
        from pyarrow import parquet

        self._arrow, self._parquet = pyarrow, parquet
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self._folder = folder

    def submit(self) -> None:
        """Send one body, of as many requests as there are rows."""
        texts = self._parquet.read_table(self._folder / "in.parquet", columns=["text"]).column("text").to_pylist()
        tool = {"name": "answer", "description": "Give the answer.", "input_schema": Judgement.model_json_schema()}
        fixed = {**PARAMS, "tools": [tool], "tool_choice": {"type": "tool", "name": "answer"}}
        requests = [
            {"custom_id": f"row-{n}", "params": {**fixed, "messages": [{"role": "user", "content": PROMPT + text}]}}
            for n, text in enumerate(texts)
        ]
        body = json.dumps({"requests": requests}, separators=(",", ":")).encode()
        self._connection.request("POST", "/v1/messages/batches", body)
        self._connection.getresponse().read()

    def land(self, batch_ids: Sequence[str]) -> None:
        """Download the results, parse them, put them beside the rows, and write the table."""
        self._connection.request("GET", f"/v1/messages/batches/{batch_ids[0]}/results")
        data = self._connection.getresponse().read()
        found = self._arrow.json.read_json(self._arrow.BufferReader(data))
        ids = self._parquet.read_table(self._folder / "in.parquet", columns=["id"])
        names = self._arrow.array([f"row-{number}" for number in range(len(ids))])
        places = self._arrow.compute.index_in(names, found.column("custom_id").combine_chunks())
        answers = found.take(places)
        result = answers.column("result").combine_chunks()
        message = field(result, "message")
        first = self._arrow.compute.list_element(field(message, "content"), 0)
        write_table(
            self._folder, ids, answers.column("custom_id"), field(result, "type"), field(first, "input"), message
        )


class CommonAi:
    """The batch operator of apache-airflow-providers-common-ai, as two mapped tasks.

    One batch does not take 100,000 of its requests with the type of their answers. It knows no tables: the rows are
    read, and its JSONL is joined to them, as `Floor` does it.
    """

    HALVES = 2

    def __init__(self, url: str, folder: Path) -> None:
        import pyarrow.compute
        import pyarrow.json
        from airflow.providers.common.ai.batch import anthropic  # noqa: F401 - as below
        from airflow.providers.common.ai.operators.llm_batch import LLMBatchOperator
        from airflow.providers.common.compat.sdk import TaskDeferred
        from anthropic import Anthropic
        from pyarrow import parquet

        with Anthropic(api_key=API_KEY, base_url=url) as client:
            client.messages.batches  # noqa: B018 - it imports what it needs at the first use
        connection = {"conn_type": "pydanticai", "host": url, "password": API_KEY}
        os.environ["AIRFLOW_CONN_OTHER_AI"] = json.dumps(connection)
        self._arrow, self._parquet, self._deferred = pyarrow, parquet, TaskDeferred
        self._folder = folder
        self._operator = LLMBatchOperator(
            task_id="classify",
            requests=[],
            result_path=(folder / "common-ai").as_uri(),
            llm_conn_id="other_ai",
            model_id=f"anthropic:{PARAMS['model']}",
            max_tokens=PARAMS["max_tokens"],
            output_type=Judgement,
            deferrable=True,
        )

    def submit(self) -> None:
        """Run both tasks until they wait."""
        for half in range(self.HALVES):
            file = self._parquet.ParquetFile(self._folder / "in.parquet")
            groups = range(file.num_row_groups)[half :: self.HALVES]
            texts = file.read_row_groups(groups, columns=["text"]).column("text").to_pylist()
            self._operator.requests = [PROMPT + text for text in texts]
            try:
                self._operator.execute(self._context(half))
            except self._deferred:
                continue
            raise RuntimeError("the task has not waited")

    def land(self, batch_ids: Sequence[str]) -> None:
        """Let both tasks land their JSONL, then join both to the rows."""
        file = self._parquet.ParquetFile(self._folder / "in.parquet")
        ids, found = [], []
        for half, batch_id in enumerate(batch_ids):
            event = {"status": "success", "batch_id": batch_id, "counts": None}
            manifest = self._operator.execute_complete(self._context(half), event)
            landed = self._arrow.json.read_json(manifest["result_uri"].removeprefix("file://"))
            found.append(landed.take(self._arrow.compute.sort_indices(landed.column("index"))))
            ids.append(file.read_row_groups(range(file.num_row_groups)[half :: self.HALVES], columns=["id"]))
        rows, answers = self._arrow.concat_tables(ids), self._arrow.concat_tables(found, promote_options="permissive")
        order = self._arrow.compute.sort_indices(rows.column("id"))
        rows, answers = rows.take(order), answers.take(order)
        facts = answers.combine_chunks().to_struct_array().combine_chunks()
        custom_ids, statuses = answers.column("custom_id"), answers.column("status")
        write_table(self._folder, rows, custom_ids, statuses, field(facts, "output"), facts)

    def _context(self, map_index: int) -> Any:
        ti = SimpleNamespace(
            dag_id="dag", run_id="run", task_id="classify", map_index=map_index, xcom_push=lambda **_: None
        )
        return {"ti": ti, "task_instance": ti}


class Ours:
    """The two operators, as Airflow's task runner runs them."""

    def __init__(self, url: str, folder: Path) -> None:
        connection = {"conn_type": "sam", "host": url, "password": API_KEY}
        os.environ["AIRFLOW_CONN_SAM_DEFAULT"] = json.dumps(connection)
        from airflow.sdk.plugins_manager import integrate_macros_plugins
        from pyarrow import compute, parquet  # noqa: F401 - what the task loads is not what it does

        from airflow_provider_sam.batches.submit import run  # noqa: F401 - as above
        from airflow_provider_sam.hooks.sam import SamHook
        from airflow_provider_sam.rows.requests.output_type import OutputType
        from airflow_provider_sam.rows.sources import parquet_files, table  # noqa: F401 - as above
        from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
        from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

        OutputType.of(Judgement)
        self._submit = ObjectStorageToSamBatchOperator(
            task_id="submit",
            rows=(folder / "in.parquet").as_uri(),
            id_column="id",
            prompt=f"{PROMPT}{{text}}",
            output_type=Judgement,
            defaults=PARAMS,
            state_path=(folder / "state").as_uri(),
        )
        self._land = SamBatchToObjectStorageOperator(
            task_id="land",
            batch_id=None,
            path=(folder / "out.parquet").as_uri(),
            rows=self._submit.rows,
            state_path=(folder / "state").as_uri(),
        )
        integrate_macros_plugins()  # as Airflow's task runner does before it runs a task
        SamHook().client.close()  # reads the configuration, as starting a task does

    def submit(self) -> None:
        """Create the batches."""
        ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="submit", map_index=-1, max_tries=0)
        self._submit.execute({"ti": ti})

    def land(self, batch_ids: Sequence[str]) -> None:
        """Land the table."""
        self._land.batch_id = list(batch_ids)
        self._land.execute({})


CONTENDERS = {"pyarrow": Floor, "common.ai": CommonAi, "ours": Ours}


def write_table(
    folder: Path, ids: pa.Table, custom_ids: Any, outcomes: Any, answers: pa.Array, facts: pa.Array
) -> None:
    """Write ids and answers as a table whose columns are as ours, as far as they are known."""
    import pyarrow as pa
    from pyarrow import parquet

    typed = {name: field(answers, name) for name in Judgement.model_fields}
    tokens = {name: field(facts, "usage", name) for name in ("input_tokens", "output_tokens")}
    typed["label"] = typed["label"].dictionary_encode()
    own = {"custom_id": custom_ids, "outcome": outcomes, "model": field(facts, "model")}
    table = pa.table({"id": ids.column("id"), **typed, **own, **tokens})
    parquet.write_table(table, folder / "out.parquet", compression="zstd")


def field(array: pa.Array, *names: str) -> pa.Array:
    """Return a field of structs; null where the struct is."""
    import pyarrow.compute

    return pyarrow.compute.struct_field(array, list(names))


def main(name: str, half: str, url: str, folder: str, *batch_ids: str) -> None:
    """Do one half of the work, and print the figures as JSON on the last line."""
    contender = CONTENDERS[name](url, Path(folder))
    action: Callable[[], object] = contender.submit if half == "submit" else lambda: contender.land(batch_ids)
    sys.stdout.write("\n" + json.dumps(measure(action)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

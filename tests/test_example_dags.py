"""Every example Dag runs to its end in Airflow, against the emulator, and does what it says."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_sam.emulator import SamEmulator
from tests.commands import run_dag

EXAMPLES = Path(__file__).parents[1] / "example_dags"


def each_installed_package_has_one_answer(sam, folder):
    (requests,) = folder.glob("*/requests.jsonl")
    asked, answered = (
        Counter(json.loads(line)["custom_id"] for line in file.read_bytes().splitlines())
        for file in (requests, requests.with_name("results.jsonl"))
    )
    assert asked == answered
    assert set(answered.values()) == {1}
    assert any(custom_id.endswith("-apache-airflow") for custom_id in answered)
    assert [batch.requests for batch in sam.batches] == [answered.total()]


def each_prompt_of_the_file_has_one_answer(sam, folder):
    (prompts,) = folder.glob("*/prompts.jsonl")
    (results,) = prompts.parent.glob("results/msgbatch_*.jsonl")
    (batch,) = sam.batches
    asked = [custom_id for custom_id, _ in sam.batch_requests(batch.id)]
    assert Counter(asked) == Counter(json.loads(line)["custom_id"] for line in results.read_bytes().splitlines())
    sent = [params["messages"][0]["content"] for _, params in sam.batch_requests(batch.id)]
    assert sent == [json.loads(line) for line in prompts.read_bytes().splitlines()]


def each_prompt_has_one_good_answer_after_as_many_rounds_as_it_took(sam, folder):
    (prompts,) = folder.glob("*/prompts.jsonl")
    asked = [custom_id for custom_id, _ in sam.batch_requests(sam.batches[0].id)]
    assert len(asked) == len(prompts.read_bytes().splitlines())
    (first,) = prompts.parent.glob("_rounds/round-1/*.jsonl")
    failed = [custom_id for custom_id, outcome in results_in(first) if outcome != "succeeded"]
    assert [batch.requests for batch in sam.batches] == [len(asked), *([len(failed)] if failed else [])]
    assert Counter(results_in(prompts.with_name("final.jsonl"))) == Counter((name, "succeeded") for name in asked)


def each_installed_package_is_a_typed_row(sam, folder):
    table = parquet.read_table(folder / "packages.parquet")
    assert table.column_names[:4] == ["name", "version", "field", "confidence"]
    names = table.column("name").to_pylist()
    assert names == sorted(set(names))
    assert "apache-airflow" in names
    assert set(table.column("outcome").to_pylist()) == {"succeeded"}
    assert set(table.column("field").to_pylist()) <= {"web", "data", "testing", "other"}
    assert sam.batches[0].requests == len(names)


def each_ticket_has_its_team_and_a_reply(sam, folder):
    rows = parquet.read_table(folder / "replies.parquet").to_pylist()
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert {(row["team"], row["is_urgent"], row["outcome"]) for row in rows} == {("billing", True, "succeeded")}
    assert (sam.count("messages_create"), [batch.requests for batch in sam.batches]) == (3, [3])


def write_reviews(folder, count=20, changed=0):
    """Write a table of reviews; every second one is good."""
    reviews = [f"{'Good' if number % 2 else 'Bad'}, says reader {number}." for number in range(count)]
    for number in range(changed):
        reviews[number * (count // changed)] += " I have read it again."
    table = pa.table({"review_id": pa.array(range(1, count + 1), pa.int32()), "review": reviews})
    parquet.write_table(table, folder / "reviews.parquet")


def each_review_is_a_typed_row_in_its_order(sam, folder):
    reviews = parquet.read_table(folder / "reviews.parquet", columns=["review_id"])
    table = parquet.read_table(folder / "classified.parquet")
    assert table.column("review_id").equals(reviews.column("review_id"))
    assert table.schema.field("answer").type == pa.dictionary(pa.int32(), pa.string())
    assert set(table.column("answer").to_pylist()) <= {"positive", "negative", "neither"}
    assert set(table.column("outcome").to_pylist()) == {"succeeded"}
    assert sum(batch.requests for batch in sam.batches) >= table.num_rows


def results_in(file):
    """Return custom_id and outcome of each result."""
    rows = map(json.loads, file.read_bytes().splitlines())
    return [(row["custom_id"], row["result"]["type"]) for row in rows]


def started_by_hand_it_lands_nothing(sam, folder):
    assert list(folder.iterdir()) == []
    assert not sam.requests


WHAT_HOLDS = {
    "example_sam_batch": each_installed_package_has_one_answer,
    "example_sam_batch_watcher": started_by_hand_it_lands_nothing,
    "example_sam_decorators": each_ticket_has_its_team_and_a_reply,
    "example_sam_nightly_table": each_review_is_a_typed_row_in_its_order,
    "example_sam_object_storage": each_prompt_of_the_file_has_one_answer,
    "example_sam_table": each_installed_package_is_a_typed_row,
    "example_sam_two_rounds": each_prompt_has_one_good_answer_after_as_many_rounds_as_it_took,
}
"""What must be true when an example, named by its file, has run."""

NEEDS = {"example_sam_nightly_table": write_reviews}
"""What makes the input of an example that has none of its own."""

HAS_SDK = find_spec("airflow.sdk") is not None
RUN_HERE = sorted(
    file.stem for file in EXAMPLES.glob("*.py") if HAS_SDK or "\nfrom airflow.sdk import" not in file.read_text()
)
"""The examples that this Airflow can run: what only Airflow 3 has is imported from its SDK."""


def with_connection(folder):
    """Name a folder as a URI with a connection in it, as a store's would have one."""
    return folder.as_uri().replace("file://", "file://my_files@")


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("dag_id", RUN_HERE)
def test_an_example_does_what_it_says_and_does_not_show_the_key(sam_emulator, tmp_path, dag_id):
    folder = with_connection(tmp_path)
    NEEDS.get(dag_id, lambda _: None)(tmp_path)
    said = run_dag(dag_id, sam_emulator, {"folder": folder}, AIRFLOW_VAR_SAM_RESULTS=folder)
    WHAT_HOLDS[dag_id](sam_emulator, tmp_path)
    # Airflow 3.0's `dags test` logs, at level debug, that it registers the key as a secret.
    assert sam_emulator.api_key not in re.sub(r".*msg=MaskSecret\(.*", "", said)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_the_second_night_pays_for_the_rows_that_have_changed(sam_emulator, tmp_path):
    nights = [{}, {"upgraded": 3}, {"upgraded": 3}]
    for night in nights:
        run_dag("example_sam_table", sam_emulator, {"folder": tmp_path.as_uri(), **night})
        each_installed_package_is_a_typed_row(sam_emulator, tmp_path)
    rows = sam_emulator.batches[0].requests
    assert [batch.requests for batch in sam_emulator.batches] == [rows, 3]
    versions = parquet.read_table(tmp_path / "packages.parquet").column("version").to_pylist()
    assert sum(version.endswith("+new") for version in versions) == 3


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("database")
def test_a_hundred_thousand_rows_come_back_each_night_and_those_that_have_changed_are_sent(tmp_path):
    def answer(params):
        good = "\n\nGood" in params["messages"][0]["content"]
        return json.dumps({"answer": "positive" if good else "negative"})

    rows, changed = 100_000, 1000
    with SamEmulator(strict=True, answers=answer) as sam:
        for night in (0, changed):
            write_reviews(tmp_path, rows, changed=night)
            run_dag("example_sam_nightly_table", sam, {"folder": tmp_path.as_uri()})
            each_review_is_a_typed_row_in_its_order(sam, tmp_path)
            answers = parquet.read_table(tmp_path / "classified.parquet", columns=["answer"]).column("answer")
            assert answers.to_pylist() == ["negative", "positive"] * (rows // 2)
        assert [batch.requests for batch in sam.batches] == [rows, changed]


def test_a_nightly_table_takes_25_lines():
    lines = (EXAMPLES / "example_sam_nightly_table.py").read_text().splitlines()
    assert len(lines) <= 25


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_the_second_round_answers_what_failed_in_the_first(tmp_path):
    seen = set()

    def fail_some_once(custom_id):
        if custom_id in seen:
            return None
        seen.add(custom_id)
        return {"0": "errored", "3": "expired", "6": "canceled"}.get(custom_id[-1])

    with SamEmulator(outcomes=fail_some_once) as sam:
        run_dag("example_sam_two_rounds", sam, {"folder": tmp_path.as_uri()})
        WHAT_HOLDS["example_sam_two_rounds"](sam, tmp_path)
        assert len(sam.batches) == 2

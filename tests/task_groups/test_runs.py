"""Task groups run to their end in Airflow, against the emulator: all kinds in one run of one Dag."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_sam.emulator import SamEmulator
from tests.commands import complaints, dags_at, run_dag

FOLDER = Path(__file__).with_name("dags")
OF_SKIPPED_TASKS = re.compile(
    r"XCom not found|No XCom value found|XCom with key=.* not found for task|No tasks to run\. unrunnable tasks"
)
"""What Airflow says when a task asks for the output of one that was skipped, and while `dags test` skips tasks."""

PROMPTS = [f"Prompt {number}" for number in range(5)]


class Failures:
    """How requests come out, by how often they were asked before."""

    def __init__(self):
        self.asked = Counter()

    def __call__(self, custom_id):
        times = self.asked[custom_id]
        self.asked[custom_id] += 1
        if re.fullmatch(r"[0-9a-f]{12}-[0-9]+", custom_id):  # a prompt of the file: the n-th fails n times, at most two
            return "expired" if times < min(int(custom_id.rpartition("-")[2]) - 1, 2) else None
        if len(custom_id) > 50:  # a row
            return "errored" if times == 0 else None
        return "canceled" if custom_id == "ada-1" and times == 0 else None


@dataclass
class Run:
    """What one run of the Dag has left behind.

    :param sent: custom_ids and parameters of the requests of each batch, in the order of the batches.
    :param report: what the groups have returned.
    """

    folder: Path
    sent: list[dict[str, dict[str, Any]]]
    report: dict[str, Any]
    said: str

    def batches_of(self, prompt):
        """Return the batches whose requests ask this."""
        return [each for each in self.sent if prompt in next(iter(each.values()))["messages"][0]["content"]]

    def outcomes(self, name):
        lines = map(json.loads, (self.folder / name).read_bytes().splitlines())
        return Counter((line["custom_id"], line["result"]["type"]) for line in lines)


@pytest.fixture(scope="module")
def run(database, tmp_path_factory):  # noqa: ARG001
    """One run for all that is to be seen, since each takes a while."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "in.jsonl").write_bytes(b"".join(json.dumps(prompt).encode() + b"\n" for prompt in PROMPTS))
    with SamEmulator(outcomes=Failures()) as sam:
        said = run_dag("batches", sam, {"folder": folder.as_uri()}, **dags_at(FOLDER))
        sent = [dict(sam.batch_requests(batch.id)) for batch in sam.batches]
    return Run(folder, sent, json.loads((folder / "report.json").read_bytes()), said)


pytestmark = pytest.mark.timeout(600)


def test_each_round_sends_what_failed_before_it_with_parameters_of_its_own(run):
    rounds = run.batches_of("Prompt")
    assert [len(each) for each in rounds] == [5, 4, 3]
    assert rounds[0].keys() > rounds[1].keys() > rounds[2].keys()
    asked = [{(params["model"], params["max_tokens"]) for params in each.values()} for each in rounds]
    assert asked == [{("sam-small", 20)}, {("sam-small", 30)}, {("sam-large", 40)}]


def test_all_rounds_end_in_one_file_and_one_manifest_with_the_rounds_before_beside_it(run):
    names = run.batches_of("Prompt")[0].keys()
    assert run.outcomes("three/out.jsonl") == Counter((name, "succeeded") for name in names)
    manifest = run.report["three"]
    assert json.loads((run.folder / "three/out.jsonl.manifest.json").read_bytes()) == manifest
    assert manifest["total"]["counts"] == {"succeeded": 5, "errored": 0, "canceled": 0, "expired": 0}
    for number, expired in ((1, 4), (2, 3)):
        outcomes = run.outcomes(f"three/_rounds/round-{number}/out.jsonl")
        assert {name for name, _ in outcomes} == set(names)
        assert sum(outcome == "expired" for _, outcome in outcomes) == expired
    assert sorted(path.name for path in (run.folder / "three").iterdir()) == [
        "_rounds",
        "out.jsonl",
        "out.jsonl.manifest.json",
    ]


def test_rows_that_failed_are_answered_in_a_later_round_under_their_own_ids(run):
    rounds = run.batches_of("Good?")
    assert [len(each) for each in rounds] == [4, 4]
    assert rounds[0].keys() == rounds[1].keys()
    assert {params["max_tokens"] for params in rounds[1].values()} == {99}
    night = run.report["night_1"]
    assert (night["table"]["rows"], night["table"]["reused"]) == (4, 0)
    assert night["total"]["counts"]["succeeded"] == 4


def test_a_night_with_nothing_to_send_ends_in_a_complete_table_all_the_same(run):
    night = run.report["night_2"]
    assert (night["batches"], night["table"]["rows"], night["table"]["reused"]) == ([], 4, 4)
    assert (night["total"]["counts"]["succeeded"], night["total"]["usage"]) == (4, {})
    table = parquet.read_table(run.folder / "table.parquet")
    assert table.column("id").to_pylist() == [0, 1, 2, 3]
    assert set(table.column("answer").to_pylist()) <= {"good", "bad"}


def test_mapped_groups_go_their_own_ways(run):
    assert [len(each) for each in run.batches_of("ada")] == [3, 1]
    assert [len(each) for each in run.batches_of("bob")] == [3]
    for customer, manifest in zip(["ada", "bob"], run.report["each"], strict=True):
        assert run.outcomes(f"{customer}.jsonl") == Counter(
            (f"{customer}-{number}", "succeeded") for number in range(3)
        )
        assert [file["path"] for file in manifest["files"]] == [(run.folder / f"{customer}.jsonl").as_uri()]


def test_a_group_without_requests_is_skipped_to_its_end_and_a_dry_run_sends_nothing(run):
    assert not list(run.folder.glob("empty*"))
    assert run.report["trial"]["requests"] == 3
    assert run.batches_of("trial") == []
    assert [line for line in complaints(run.said) if not OF_SKIPPED_TASKS.search(line)] == []

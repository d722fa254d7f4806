"""Every example Dag runs to its end in Airflow, against the emulator, and does what it says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

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


WHAT_HOLDS = {"example_sam_batch": each_installed_package_has_one_answer}
"""What must be true when an example, named by its file, has run."""


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("dag_id", sorted(file.stem for file in EXAMPLES.glob("*.py")))
def test_an_example_does_what_it_says_and_does_not_show_the_key(sam_emulator, tmp_path, dag_id):
    said = run_dag(dag_id, sam_emulator, {"folder": tmp_path.as_uri()})
    WHAT_HOLDS[dag_id](sam_emulator, tmp_path)
    assert sam_emulator.api_key not in said

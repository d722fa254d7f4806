"""Decorated functions work in Airflow as its own do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import dags_at, run_dag


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_decorated_functions_are_found_mapped_and_fed_by_other_tasks(sam_emulator, tmp_path):
    def answer(params):
        word = params["messages"][0]["content"].split()[-1]
        return json.dumps({"word": word, "length": 3}) if "tools" in params else word

    sam_emulator.answers = answer
    folder = Path(__file__).with_name("dags")
    said = run_dag("decorated", sam_emulator, {"folder": tmp_path.as_uri()}, **dags_at(folder))
    assert "Returned: ['one', '{{two}}'] 3 '{{two}}'] 1" in said
    (batch,) = sam_emulator.batches
    sent = [params["messages"][0]["content"] for _, params in sam_emulator.batch_requests(batch.id)]
    assert sent == ["7 one", "7 {{two}}"]

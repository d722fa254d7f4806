"""One request may fill a batch: only a batch's body has a limit, and what is above it is refused before it is sent."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

ROOT = Path(__file__).parents[2]
CREATE = "messages_batches_create"
TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1, max_tries=0)
LARGE = 40_000_000
"""Bytes of a prompt: more than the body of a message may have, and less than that of a batch."""

MEGABYTES = 256
COMPLETE = {"model": "sam-small", "max_tokens": 5}


def request(prompt, **params):
    return {"custom_id": "large", "params": {**params, "messages": [{"role": "user", "content": prompt}]}}


@pytest.mark.parametrize("kind", ["create with defaults", "transfer"])
def test_a_request_above_the_limit_of_a_message_is_submitted_in_little_memory(sam, tmp_path, kind):
    prompt = "é" * (LARGE // 2)
    path = tmp_path / "in.jsonl"
    lacking = {} if "defaults" in kind else COMPLETE
    path.write_text(json.dumps(request(prompt, **lacking), ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "tests.operators.measuring", kind, str(path), str(tmp_path / "state")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    ((custom_id, params),) = sam.batch_requests(sam.batches[0].id)
    assert (custom_id, params) == ("large", COMPLETE | {"messages": [{"role": "user", "content": prompt}]})
    assert sam.batches[0].id in told["batches"]
    assert told["megabytes"] < MEGABYTES


@pytest.fixture
def small(sam, monkeypatch, tmp_path):
    """The server, on a connection whose batches are small; messages may be smaller still."""
    extra = {"max_batch_bytes": 1000, "max_message_bytes": 10, "state_path": (tmp_path / "state").as_uri()}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(json.loads(sam.connection_json) | {"extra": extra}))
    return sam


def test_a_request_above_the_limit_of_a_batch_is_refused_by_name_and_nothing_is_sent(small, tmp_path):
    requests = [request("Hello", **COMPLETE), request("x" * 1000, **COMPLETE) | {"custom_id": "larger"}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in requests), encoding="utf-8")
    said = r"\(custom_id 'larger'\): a batch of this request alone would have 1\d+ bytes; max_batch_bytes is 1000"
    with pytest.raises(SamRequestError, match=rf"1 of 2 .*requests\[1\] {said}"):
        SamCreateBatchOperator(task_id="task", requests=requests).execute({"ti": TI})
    with pytest.raises(SamRequestError, match=rf"1 of 2 .*line 2 {said}"):
        ObjectStorageToSamBatchOperator(task_id="task", path=path.as_uri()).execute({"ti": TI})
    assert small.count(CREATE) == 0
    SamCreateBatchOperator(task_id="task", requests=requests[:1]).execute({"ti": TI})
    assert small.count(CREATE) == 1


def test_tokens_are_not_estimated_from_what_the_api_does_not_count(small):
    operator = SamCreateBatchOperator(task_id="task", requests=[request("Hello", **COMPLETE)], max_input_tokens=99)
    with pytest.raises(
        SamRequestError, match=r"input tokens cannot be estimated: a request has \d+ bytes, .* up to 10"
    ):
        operator.execute({"ti": TI})
    assert small.counts == {}


def test_a_file_that_lacks_line_feeds_is_refused_before_it_fills_the_memory(small, tmp_path):
    line = json.dumps(request("Hello", **COMPLETE)).encode()
    path = tmp_path / "in.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.write(line + b"\n" + line + b"\n")
        for _ in range(400):
            file.write(b" " * (1 << 20))
    with pytest.raises(SamRequestError, match="line 3 is longer than 1000 bytes, the limit of max_batch_bytes"):
        ObjectStorageToSamBatchOperator(task_id="task", path=path.as_uri()).execute({"ti": TI})
    assert small.count(CREATE) == 0

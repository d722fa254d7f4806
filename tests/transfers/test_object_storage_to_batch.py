"""JSONL becomes as many batches as the limits ask for, each created once; a retry creates only the missing ones."""

from __future__ import annotations

import functools
import gzip
import json
import operator
from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

CREATE = "messages_batches_create"
TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="submit", map_index=-1, max_tries=0)


@pytest.fixture
def submit(sam, tmp_path, monkeypatch):
    extra = {"max_batch_requests": 2, "state_path": (tmp_path / "state").as_uri(), "max_retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(json.loads(sam.connection_json) | {"extra": extra}))

    def submit(path, **arguments):
        operator = ObjectStorageToSamBatchOperator(
            task_id="submit", path=path.as_uri(), visibility_timeout=0.01, **arguments
        )
        return operator.execute({"ti": TI})

    return submit


def write(path, lines):
    path.parent.mkdir(exist_ok=True)
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def contents(sam):
    return [[custom_id for custom_id, _ in sam.batch_requests(batch.id)] for batch in sam.batches]


def test_a_file_is_split_into_the_same_batches_in_any_order(sam, submit, tmp_path, requests):
    ids = submit(write(tmp_path / "in.jsonl", requests))
    assert submit(write(tmp_path / "in.jsonl", requests[::-1])) == ids == [batch.id for batch in sam.batches]
    assert sorted(map(len, contents(sam))) == [1, 2, 2]
    assert sorted(functools.reduce(operator.iadd, contents(sam), [])) == [request["custom_id"] for request in requests]


def test_a_directory_of_prompts_gets_the_defaults(sam, submit, tmp_path):
    write(tmp_path / "in" / "b.jsonl.gz", ["Three"])
    write(tmp_path / "in" / "a.jsonl", ["One {{ x }}", "Two"])
    defaults = {"model": "sam-small", "max_tokens": 5, "system": "{{ y }}"}
    ids = submit(tmp_path / "in", defaults=defaults)
    sent = [request for batch_id in ids for request in sam.batch_requests(batch_id)]
    assert sorted((name.partition("-")[2], params) for name, params in sent) == [
        (str(number), {**defaults, "messages": [{"role": "user", "content": prompt}]})
        for number, prompt in enumerate(["One {{ x }}", "Two", "Three"], 1)
    ]


def test_a_retry_creates_only_the_missing_batches(sam, submit, tmp_path, requests):
    path = write(tmp_path / "in.jsonl", requests)
    sam.faults.add(Fault(Status(400, message="no credit"), operation=CREATE, nth=2))
    with pytest.raises(Exception, match="no credit"):
        submit(path)
    ids = submit(path)
    assert ids == [batch.id for batch in sam.batches]
    assert sorted(functools.reduce(operator.iadd, contents(sam), [])) == [request["custom_id"] for request in requests]


def test_wrong_lines_are_named_and_nothing_is_sent(sam, submit, tmp_path, requests):
    path = write(tmp_path / "in.jsonl", [*requests, {"custom_id": "a b", "params": {}}, requests[0]])
    with pytest.raises(SamRequestError, match=r"2 of 7 .*line 6: custom_id 'a b'.*line 7 \(custom_id 'row-0'\)"):
        submit(path)
    assert sam.count(CREATE) == 0


def test_an_empty_file_fails_or_skips_as_chosen(sam, submit, tmp_path):
    path = write(tmp_path / "in.jsonl", [])
    with pytest.raises(SamRequestError, match="the input has no requests"):
        submit(path)
    with pytest.raises(AirflowSkipException, match="No requests to submit"):
        submit(path, on_empty="skip")
    assert sam.count(CREATE) == 0

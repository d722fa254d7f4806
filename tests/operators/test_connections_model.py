"""Requests that name no model get the connection's; it is part of what is submitted, and so of what is remembered."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

CREATE = "messages_batches_create"
TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1, max_tries=0)


@pytest.fixture(params=["create", "transfer"])
def submit(request, sam, tmp_path, monkeypatch):
    def submit(requests, *, model, **arguments):
        connection = json.loads(sam.connection_json) | {"extra": {"model": model} if model else {}}
        monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection))
        arguments = {"task_id": "task", "state_path": (tmp_path / "state").as_uri(), **arguments}
        if request.param == "create":
            return SamCreateBatchOperator(requests=requests, **arguments).execute({"ti": TI})
        path = tmp_path / "in.jsonl"
        path.write_text("".join(f"{json.dumps(each)}\n" for each in requests), encoding="utf-8")
        return ObjectStorageToSamBatchOperator(path=path.as_uri(), **arguments).execute({"ti": TI})[0]

    return submit


def models(sam, batch_id):
    return {custom_id.rpartition("-")[2]: params["model"] for custom_id, params in sam.batch_requests(batch_id)}


def test_the_model_of_the_connection_comes_behind_those_of_the_request_and_of_defaults(sam, submit, caplog, capsys):
    own = {"custom_id": "own", "params": {"model": "own", "messages": [{"role": "user", "content": "Hello"}]}}
    with caplog.at_level(logging.INFO):
        batch_id = submit(["One", own, "Two"], model="sam-small", defaults={"max_tokens": 5})
    assert models(sam, batch_id) == {"1": "sam-small", "own": "own", "3": "sam-small"}
    said = "2 requests have no model; using the connection's, sam-small"
    assert said in caplog.text + capsys.readouterr().out
    batch_id = submit(["One", own], model="sam-small", defaults={"max_tokens": 5, "model": "sam-large"})
    assert models(sam, batch_id) == {"1": "sam-large", "own": "own"}


def test_requests_without_a_model_anywhere_are_refused_by_name_before_anything_is_sent(sam, submit):
    with pytest.raises(
        SamRequestError, match=r"1 of 1 .*params: model missing.* in the request, in defaults, or in the"
    ):
        submit(["One"], model=None, defaults={"max_tokens": 5})
    assert sam.counts == {}


def test_another_model_in_the_connection_is_another_input(sam, submit):
    ids = [
        submit(["One"], model=model, defaults={"max_tokens": 5}) for model in ("sam-small", "sam-large", "sam-small")
    ]
    assert ids[0] == ids[2] != ids[1]
    assert sam.count(CREATE) == 2

"""A strict emulator refuses what the API does not know; any emulator answers what is nested too deep."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.emulator import SamEmulator
from tests.emulator.conftest import client_of

BATCHES = "/v1/messages/batches"
TEXT = {"type": "text", "text": "x"}


@pytest.fixture(params=[True, False], ids=["strict", "lenient"])
def either(request):
    """Whether the emulator is strict, and a client of it."""
    with SamEmulator(strict=request.param) as emulator, client_of(emulator) as client:
        yield request.param, client


def tool(**schema):
    return {"name": "t", "input_schema": {"type": "object", **schema}}


def nested(levels):
    value = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def results_of(client, batch_id):
    assert client.get(f"{BATCHES}/{batch_id}").json()["processing_status"] == "ended"
    lines = client.get(f"{BATCHES}/{batch_id}/results").content.splitlines()
    return {row["custom_id"]: row["result"] for row in map(json.loads, lines)}


@pytest.mark.parametrize("model", ["sam-small", "sam-small-20241022"])
def test_a_model_and_its_alias_are_known(client, params, model):
    assert client.post("/v1/messages", json={**params, "model": model}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/complete"]
)
def test_an_unknown_model_is_a_404_where_that_counts(either, params, path):
    strict, client = either
    params = {"model": "sam-tiny", "messages": params["messages"]} | ({} if "count" in path else {"max_tokens": 5})
    if path == "/v1/complete":
        params = {"model": "sam-tiny", "prompt": "Human: x", "max_tokens_to_sample": 5}
    answer = client.post(path, json=params)
    assert answer.status_code == (404 if strict else 200)
    if strict:
        assert answer.json()["error"] == {"type": "not_found_error", "message": "model: sam-tiny"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"max_tokns": 5}, "max_tokns"),
        ({"metadata": {"user": "x"}}, "metadata"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": [{**TEXT, "colour": "red"}]}]}, "messages.0.content.0"),
        ({"tools": [{**tool(), "colour": "red"}]}, "colour"),
    ],
)
def test_a_parameter_that_the_contract_does_not_have_is_a_400_where_that_counts(either, params, more, named):
    strict, client = either
    answer = client.post("/v1/messages", json={**params, **more})
    assert answer.status_code == (400 if strict else 200)
    assert not strict or named in answer.json()["error"]["message"]


@pytest.mark.parametrize("schema", [{"properties": {"a": {"type": "string"}}, "required": ["a"], "$defs": {}}, {}])
def test_the_user_s_own_schema_of_a_tool_may_say_what_it_likes(client, params, schema):
    tools = [tool(**schema)]
    assert client.post("/v1/messages", json={**params, "tools": tools}).status_code == 200


def test_in_a_batch_what_is_unknown_is_an_errored_line(either, params):
    strict, client = either
    asked = {"good": {}, "model": {"model": "sam-tiny"}, "parameter": {"max_tokns": 5}}
    requests = [{"custom_id": name, "params": {**params, **more}} for name, more in asked.items()]
    results = results_of(client, client.post(BATCHES, json={"requests": requests}).json()["id"])
    errors = {name: result["error"]["error"]["type"] for name, result in results.items() if "error" in result}
    assert errors == ({"model": "not_found_error", "parameter": "invalid_request_error"} if strict else {})


@pytest.mark.parametrize("where", ["batch", "request"])
def test_a_batch_with_a_field_that_the_contract_does_not_have_is_a_400_where_that_counts(either, params, where):
    strict, client = either
    request = {"custom_id": "a", "params": params}
    body = {"requests": [request], "metadata": {}} if where == "batch" else {"requests": [{**request, "metadata": {}}]}
    assert client.post(BATCHES, json=body).status_code == (400 if strict else 200)


@pytest.mark.parametrize("levels", [200, 253, 254, 255, 256, 400, 900])
@pytest.mark.parametrize(
    "place",
    [
        lambda value: {"messages": [{"role": "user", "content": [{"type": "text", "text": value}]}]},
        lambda value: {"max_tokens": value},
        lambda value: {"tool_choice": value},
        lambda value: {"x": value, "max_tokens": "x"},
    ],
)
def test_what_is_nested_deep_and_wrong_is_a_400_alone_and_an_errored_line_in_a_batch(either, params, place, levels):
    _, client = either
    deep = {**params, **place(nested(levels))}
    assert client.post("/v1/messages", json=deep).status_code == 400
    requests = [{"custom_id": "deep", "params": deep}, {"custom_id": "good", "params": params}]
    results = results_of(client, client.post(BATCHES, json={"requests": requests}).json()["id"])
    assert {name: result["type"] for name, result in results.items()} == {"deep": "errored", "good": "succeeded"}


@pytest.mark.parametrize("levels", [200, 256, 900])
def test_what_is_nested_deep_and_right_is_answered_alone_and_in_a_batch(client, params, levels):
    deep = {**params, "messages": [{"role": "assistant", "content": [tool_call(nested(levels))]}, *params["messages"]]}
    assert client.post("/v1/messages", json=deep).status_code == 200
    requests = [{"custom_id": "deep", "params": deep}]
    results = results_of(client, client.post(BATCHES, json={"requests": requests}).json()["id"])
    assert results["deep"]["type"] == "succeeded"


def tool_call(given):
    return {"type": "tool_use", "id": "toolu_1", "name": "t", "input": given}

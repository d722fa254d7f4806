"""Messages, completions, token counts and models over HTTP, in the contract's shapes."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator import SamEmulator
from airflow_provider_sam.emulator.contract import violation
from tests.emulator.conftest import client_of

COMPLETION = {"model": "sam-small", "max_tokens_to_sample": 50, "prompt": "\n\nHuman: Name a colour.\n\nAssistant:"}


@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_a_message_is_answered_in_the_contract_s_shape(client, params, query):
    message = client.post(f"/v1/messages{query}", json=params).json()
    assert violation("Message", message) is None
    assert message["content"] == [{"type": "text", "text": "In short: Name a colour."}]


@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_a_token_count_is_that_of_the_message(client, params, query):
    counted = {name: value for name, value in params.items() if name != "max_tokens"}
    count = client.post(f"/v1/messages/count_tokens{query}", json=counted).json()
    assert violation("TokenCount", count) is None
    assert count["input_tokens"] == client.post("/v1/messages", json=params).json()["usage"]["input_tokens"]


def test_a_completion_is_answered_in_the_contract_s_shape(client):
    completion = client.post("/v1/complete", json=COMPLETION).json()
    assert violation("Completion", completion) is None
    assert completion["completion"] == " In short: Name a colour."
    assert completion["stop_reason"] == "stop_sequence"


@pytest.mark.parametrize(("path", "last"), [("/v1/messages", "message_stop"), ("/v1/complete", "completion")])
def test_a_stream_is_an_event_stream_that_ends_as_it_should(client, params, path, last):
    body = {**(COMPLETION if path == "/v1/complete" else params), "stream": True}
    answer = client.post(path, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().rpartition("event: ")[2].startswith(last)


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("yes", "yes"),
        ({"Name a colour.": "red"}, "red"),
        ({"Name a shape.": "round"}, "In short: Name a colour."),
        (lambda params: params["model"].upper(), "SAM-SMALL"),
        (lambda _: None, "In short: Name a colour."),
    ],
)
def test_answers_can_be_given(params, answers, text):
    with SamEmulator(answers=answers) as emulator, client_of(emulator) as client:
        assert client.post("/v1/messages", json=params).json()["content"][0]["text"] == text


def test_a_given_message_is_replayed_with_what_the_contract_does_not_know(sam_emulator, client, params):
    given = {"content": [{"type": "video", "frames": 3}], "stop_reason": "refusal", "container": {"id": "c"}}
    sam_emulator.answers = lambda _: given
    message = client.post("/v1/messages", json=params).json()
    assert {name: message[name] for name in given} == given
    stream = client.post("/v1/messages", json={**params, "stream": True}).text
    assert '"content_block":{"type":"video","frames":3}' in stream


def test_models_are_listed_and_found_by_id_and_alias(client):
    page = client.get("/v1/models").json()
    assert violation("ModelPage", page) is None
    assert page["has_more"] is False
    first = page["data"][0]
    assert client.get(f"/v1/models/{first['id']}").json() == first
    assert client.get("/v1/models/sam-large?beta=true").json() == first


def test_models_are_listed_in_pages_in_both_directions(client):
    ids = [model["id"] for model in client.get("/v1/models").json()["data"]]
    first = client.get("/v1/models?limit=1").json()
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, ids[0], ids[0])
    older = client.get(f"/v1/models?limit=2&after_id={ids[0]}").json()
    assert ([model["id"] for model in older["data"]], older["has_more"]) == (ids[1:], False)
    newer = client.get(f"/v1/models?limit=1&before_id={ids[2]}").json()
    assert ([model["id"] for model in newer["data"]], newer["has_more"]) == ([ids[1]], True)

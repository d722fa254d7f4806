"""A request arrives as the bytes that the API takes, or as a problem that names its place."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import CUSTOM_ID
from airflow_provider_sam.batches.submit.generated_ids import generated_id, generated_names, with_token
from airflow_provider_sam.batches.submit.requests import TEXT_BYTES, Block, Entry, RequestReader

MESSAGES = [{"role": "user", "content": "Hello, {{ world }} \u2028 \u0085"}]
COMPLETE = {"model": "sam-small", "max_tokens": 5, "messages": MESSAGES}
DEFAULTS = {"model": "sam-small", "max_tokens": 5}


def read(value, *, defaults=None, number=3, place=("", 7)):
    return RequestReader(defaults).read(Entry(place, value), number)


def test_a_complete_line_passes_unchanged():
    line = b' { "custom_id": "a",  "params": {"messages": [], "max_tokens": 10, "new": {"x": 1.0}, "model": "m"} } '
    assert read(line) == ("a", line, False)


@pytest.mark.parametrize(
    ("value", "custom_id", "params"),
    [
        ({"custom_id": "a", "params": COMPLETE}, "a", COMPLETE),
        ({"params": COMPLETE}, "request-3", COMPLETE),
        ({"custom_id": None, "params": COMPLETE}, "request-3", COMPLETE),
        (MESSAGES[0]["content"], "request-3", DEFAULTS | {"messages": MESSAGES}),
        ({"custom_id": "a", "params": {"messages": MESSAGES}}, "a", COMPLETE),
        ({"custom_id": "a", "params": {"messages": MESSAGES, "model": "other"}}, "a", COMPLETE | {"model": "other"}),
    ],
    ids=["complete", "no custom_id", "null custom_id", "prompt", "lacks params", "own params win"],
)
@pytest.mark.parametrize("encoded", [False, True], ids=["data", "line"])
def test_what_a_request_lacks_is_added(value, custom_id, params, encoded):
    given = json.dumps(value, ensure_ascii=False).encode() if encoded else value
    prepared = read(given, defaults=DEFAULTS)
    assert prepared.custom_id == custom_id
    assert prepared.generated == custom_id.startswith("request-")
    assert json.loads(prepared.data) == {"custom_id": custom_id, "params": params}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"{", "line 7: neither a JSON object with params nor a JSON string: Input data was truncated"),
        (b"[]", "line 7: neither a JSON object with params nor a JSON string"),
        (b'{"params": 1}', "line 7: neither a JSON object with params nor a JSON string"),
        (b'{"params": {"a": "\xff"}}', "line 7: neither a JSON object with params nor a JSON string"),
        (b'{"custom_id": "a", "params": {"messages": ["\xff"], "model": 1, "max_tokens": 1}}', "line 7: neither"),
        (b'"\\q"', "line 7: neither a JSON object with params nor a JSON string"),
        (b'{"custom_id": "a"}', "line 7: params missing"),
        (b"[" * 100_000, "line 7: neither a JSON object with params nor a JSON string"),
        ({"custom_id": "a b", "params": COMPLETE}, r"line 7: custom_id 'a b' is not allowed"),
        ({"custom_id": 5, "params": COMPLETE}, r"line 7: custom_id 5 is not allowed"),
        ({"custom_id": "a\n", "params": COMPLETE}, r"line 7: custom_id 'a\\n' is not allowed"),
        ({"custom_id": "a", "params": {"model": "m"}}, r"line 7 \(custom_id 'a'\): params: max_tokens and messages"),
        ({"custom_id": "a", "params": COMPLETE | {"model": None}}, r"\(custom_id 'a'\): params: model missing"),
        ({"custom_id": "a", "params": COMPLETE | {"stream": True}}, "'stream' must be false or left out"),
        ({"custom_id": "a", "params": COMPLETE | {"betas": []}}, "'betas' is not a parameter of the API; give betas="),
        (
            "Hello",
            r"line 7: params: model and max_tokens missing.*; give a model in the request, in defaults, or in the",
        ),
        (5, "line 7 must be a mapping with params, or a prompt; got int"),
        ({"custom_id": "a", "params": COMPLETE | {"metadata": object()}}, "line 7 cannot be written as JSON"),
        ("\ud800", "line 7 cannot be written as JSON"),
    ],
)
def test_what_the_api_would_not_take_is_a_problem_with_its_place(value, problem):
    with pytest.raises(SamRequestError, match=problem):
        read(value)


@pytest.mark.parametrize("at", [TEXT_BYTES - 1, TEXT_BYTES, 3 * TEXT_BYTES - 2])
def test_a_large_request_is_text_to_its_last_byte(at):
    start = b'{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"'
    whole = start + b"x" * (at - len(start)) + "\N{GRINNING FACE}".encode() + b'"}]}}'
    assert read(whole) == ("a", whole, False)
    for torn in (whole.replace(b"\xf0", b"\xf1\xf0"), whole.replace(b"\x80", b"")):
        with pytest.raises(SamRequestError, match="line 7: neither a JSON object"):
            read(torn)


@pytest.mark.parametrize(
    ("own", "defaults", "model", "counted"),
    [
        ({"model": "own"}, {"model": "of defaults"}, "own", 0),
        ({}, {"model": "of defaults"}, "of defaults", 0),
        ({}, {}, "of the connection", 1),
        ({"model": "own"}, {}, "own", 0),
    ],
)
def test_the_connections_model_is_for_requests_that_get_none_elsewhere(own, defaults, model, counted):
    reader = RequestReader(defaults, model="of the connection")
    prepared = reader.read(Entry(("", 7), {"params": {"max_tokens": 5, "messages": MESSAGES} | own}), 1)
    assert json.loads(prepared.data)["params"]["model"] == model
    assert reader.without_model == counted


def test_complete_lines_pass_unchanged_whatever_the_connections_model_is():
    line = json.dumps({"custom_id": "a", "params": COMPLETE}).encode()
    reader = RequestReader(model="of the connection")
    assert reader.read_unchanged(Block("", 1, line)) == ("", 1, ["a"], [line])
    assert reader.read_unchanged(Block("", 1, line.replace(b"model", b"modal"))) is None


def test_a_place_is_named_as_its_source_is_read():
    assert Entry((None, 0), b"").where() == "requests[0]"
    assert Entry(("", 1), b"").where() == "line 1"
    assert Entry(("part-2.jsonl", 1), b"").where() == "part-2.jsonl line 1"


def test_a_generated_custom_id_bears_the_token_of_its_batch_and_ends_in_its_place():
    assert with_token(read("Hello", defaults=DEFAULTS).data, "3f9a1c5b7d2e").startswith(
        b'{"custom_id":"3f9a1c5b7d2e-3","params":{'
    )
    assert CUSTOM_ID.fullmatch(generated_id("3f9a1c5b7d2e", 10**12))


def test_a_request_keeps_the_custom_id_that_an_earlier_round_has_generated():
    names = generated_names(["3f9a1c5b7d2e-3", "request-4", "row-5", "3f9a1c5b7d2e-03", "x3f9a1c5b7d2e-6"])
    assert names == {3: "3f9a1c5b7d2e-3", 4: "request-4"}
    reader = RequestReader(DEFAULTS, names=names)
    assert reader.read(Entry(("", 7), "Hello"), 3)[::2] == ("3f9a1c5b7d2e-3", False)
    assert reader.read(Entry(("", 8), "Hello"), 5)[::2] == ("request-5", True)


def test_two_custom_ids_that_were_generated_for_one_place_are_not_of_one_input():
    with pytest.raises(SamRequestError, match="were both generated for request 3 of an input"):
        generated_names(["3f9a1c5b7d2e-3", "3f9a1c5b7d2f-3"])


def test_a_stream_that_is_not_asked_for_is_no_mistake():
    request = {"custom_id": "a", "params": COMPLETE | {"stream": False}}
    assert json.loads(read(json.dumps(request).encode()).data) == json.loads(read(request).data) == request

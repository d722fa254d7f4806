"""What a result line answers."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.rows.answers import Answer, answer_of

USAGE = {"input_tokens": 3, "output_tokens": 4, "cache_creation_input_tokens": 5, "cache_read_input_tokens": None}


def line(content, **message):
    message = {"model": "sam-1", "stop_reason": "end_turn", "usage": USAGE, "content": content} | message
    return json.dumps({"custom_id": "a", "result": {"type": "succeeded", "message": message}}).encode()


def answered(text, **facts):
    expected = Answer("a", "succeeded", text, None, "end_turn", "sam-1", 3, 4, 5, None)
    return expected._replace(**facts)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "yes"}], "yes"),
        (
            [{"type": "text", "text": "y"}, {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "es"}],
            "yes",
        ),
        ([], ""),
        ([{"type": "text", "text": "So:"}, {"type": "tool_use", "name": "answer", "input": {"n": 1.0}}], '{"n": 1.0}'),
        ([{"type": "tool_use", "name": "other", "input": {"n": 1}}], ""),
        ([{"type": "tool_use", "name": "answer"}], ""),
    ],
)
def test_the_text_is_that_of_the_message_or_the_input_of_the_answer(content, text):
    assert answer_of(line(content)) == answered(text)


def test_the_input_of_the_answer_is_text_as_it_came():
    came = line([{"type": "tool_use", "name": "answer", "input": "X"}]).replace(b'"X"', b'{"n" : 1e2 , "n":\\u00e9}')
    came = came.replace(b"\\u00e9", b"12345678901234567890123")
    assert answer_of(came).text == '{"n" : 1e2 , "n":12345678901234567890123}'


def test_an_error_is_its_type_and_its_message():
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "model: no such"}}
    errored = json.dumps({"custom_id": "a", "result": {"type": "errored", "error": error}}).encode()
    assert answer_of(errored) == Answer("a", "errored", error="invalid_request_error: model: no such")


@pytest.mark.parametrize("outcome", ["canceled", "expired", "a-new-one"])
def test_an_outcome_without_facts_has_none(outcome):
    assert answer_of(json.dumps({"custom_id": "a", "result": {"type": outcome}}).encode()) == Answer("a", outcome)


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (line([{"type": "text", "text": "X"}]).replace(b"X", b"\\ud83d!"), answered("\ufffd!")),
        (line([{"type": "text", "text": "X"}]).replace(b"X", b"\xff!"), answered("\ufffd!")),
        (line([{"type": "text", "text": 7}, {"type": "text", "text": "x"}]), answered("x")),
        (line("no list"), answered("")),
        (line([{"type": "text", "text": "x"}], stop_reason=["odd"]), answered("x", stop_reason=None)),
        (
            line([{"type": "text", "text": "x"}], usage={"input_tokens": 2**63}),
            answered("x")._replace(input_tokens=None, output_tokens=None, cache_creation_input_tokens=None),
        ),
    ],
)
def test_what_is_wrong_with_a_line_that_was_paid_for_is_absent(came, expected):
    assert answer_of(came) == expected


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"custom_id": "a"}', b'{"result": {"type": "expired"}}'])
def test_what_is_no_result_is_an_error(torn):
    with pytest.raises(SamResponseError, match="is not a result"):
        answer_of(torn)

"""A placeholder is the name of a column, and nothing else; whatever a value holds arrives as it is."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.requests.template import Column, Literal, compile_params, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{review}", [Column("review")]),
        ("Is it good? {review}!", ["Is it good? ", Column("review"), "!"]),
        ('{{"a": {b}}}', ["{", '"a": ', Column("b"), "}"]),
        ("{{b}}", ["{", "b", "}"]),
        ("{a name with spaces}{b.c}", [Column("a name with spaces"), Column("b.c")]),
        ("", []),
        ("no column", ["no column"]),
    ],
)
def test_a_text_is_taken_apart(text, parts):
    assert list(parse(text, what="prompt")) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "prompt has a single '{'; write '{{'"),
        ("a } b", "prompt has a single '}'; write '}}'"),
        ("{a{b}", "single '{'"),
        ("{}", "prompt has an empty placeholder '{}'; name a column"),
        ("{ }", "empty placeholder"),
    ],
)
def test_a_brace_that_is_neither_is_refused(text, message):
    with pytest.raises(SamRequestError) as refused:
        list(parse(text, what="prompt"))
    assert message in refused.value.message


def test_parameters_become_sorted_json_with_columns_inside_of_strings():
    pieces = compile_params(
        {"model": "m", "max_tokens": 1, "metadata": {"b": 1, "a": "{x}"}},
        {"messages": [{"role": "user", "content": 'Say "{x}"'}]},
    )
    assert [piece for piece in pieces if isinstance(piece, Column)] == [Column("x")]
    data = b"".join(piece.data if isinstance(piece, Literal) else b"VALUE" for piece in pieces)
    assert data == (
        b'{"max_tokens":1,"messages":[{"content":"Say \\"VALUE\\"","role":"user"}],"metadata":{"a":"{x}","b":1},'
        b'"model":"m"}'
    )
    assert json.loads(data)["metadata"]["a"] == "{x}"


def test_what_has_no_form_in_json_is_refused_by_name():
    with pytest.raises(SamRequestError, match="metadata cannot be written as JSON"):
        compile_params({"metadata": {"a": object()}}, {})
    with pytest.raises(SamRequestError, match=r"messages\[0\].content holds half of a surrogate pair"):
        compile_params({}, {"messages": [{"content": "\ud800"}]})

"""Messages hold the blocks that the request asks for, and stop where it says."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.contract import violation
from airflow_provider_sam.emulator.messages import compose

LOOK_UP = {
    "name": "look_up",
    "input_schema": {
        "type": "object",
        "properties": {
            "word": {"type": "string"},
            "unit": {"enum": ["km", "mi"]},
            "fixed": {"const": 7},
            "limit": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "boolean"}},
            "deep": {"type": "object", "properties": {"odd": True, "many": {"type": ["null", "string"]}}},
        },
    },
}
BASH = {"type": "bash_20250124", "name": "bash"}
DOCUMENT = {
    "type": "document",
    "title": "Notes",
    "citations": {"enabled": True},
    "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."},
}


def composed(content="Name a colour.", text=None, **more):
    params = {"model": "sam-small", "max_tokens": 50, "messages": [{"role": "user", "content": content}], **more}
    message = compose(params, "msg_1", text)
    assert violation("Message", message) is None
    return message


def types(message):
    return [block["type"] for block in message["content"]]


@pytest.mark.parametrize(
    ("more", "expected", "stop_reason"),
    [
        ({}, ["text"], "end_turn"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking", "text"], "end_turn"),
        ({"thinking": {"type": "disabled"}}, ["text"], "end_turn"),
        ({"tools": [LOOK_UP]}, ["tool_use"], "tool_use"),
        ({"tools": [LOOK_UP], "tool_choice": {"type": "none"}}, ["text"], "end_turn"),
        ({"tools": [LOOK_UP, BASH], "tool_choice": {"type": "tool", "name": "bash"}}, ["tool_use"], "tool_use"),
        ({"tools": [LOOK_UP], "tool_choice": {"type": "tool", "name": "nobody"}}, ["text"], "end_turn"),
        ({"tools": [LOOK_UP], "content": [{"type": "tool_result", "tool_use_id": "t"}]}, ["text"], "end_turn"),
        ({"max_tokens": 1}, ["text"], "max_tokens"),
        ({"max_tokens": -3.0}, ["text"], "max_tokens"),
        ({"stop_sequences": ["colour", "a "]}, ["text"], "stop_sequence"),
    ],
)
def test_a_message_has_the_blocks_asked_for(more, expected, stop_reason):
    message = composed(**more)
    assert types(message) == expected
    assert message["stop_reason"] == stop_reason


REFERRING = {
    "$defs": {"Place": {"type": "object", "properties": {"city": {"const": "Bonn"}}}, "Loop": {"$ref": "#/$defs/Loop"}},
    "type": "object",
    "properties": {
        "place": {"$ref": "#/$defs/Place"},
        "loop": {"$ref": "#/$defs/Loop"},
        "gone": {"$ref": "#/$defs/Nobody"},
        "since": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "nothing": {"type": "null"},
        "few": {"type": "integer", "maximum": 0},
        "many": {"type": "number", "minimum": 7.5},
    },
}


def test_a_schema_may_refer_choose_and_bound():
    assert composed(tools=[{"name": "a", "input_schema": REFERRING}])["content"][0]["input"] == {
        "place": {"city": "Bonn"},
        "loop": "Name a colour.",
        "gone": "Name a colour.",
        "since": "2026-01-01",
        "nothing": None,
        "few": 0,
        "many": 7.5,
    }


@pytest.mark.parametrize("choice", [{"type": "tool", "name": "a"}, {"type": "any"}])
def test_a_given_answer_is_the_input_of_a_tool_that_has_to_be_called(choice):
    asked = {"tools": [{"name": "a", "input_schema": REFERRING}], "tool_choice": choice}
    (block,) = composed(text='{"few": 3}', **asked)["content"]
    assert (block["type"], block["input"]) == ("tool_use", {"few": 3})
    for text in ("few", "[3]", "[" * 100_000):
        assert types(composed(text=text, **{**asked, "max_tokens": 100_000})) == ["text"]
    assert types(composed(text='{"few": 3}', tools=asked["tools"])) == ["text"]


def test_a_tool_is_called_with_input_that_its_schema_allows():
    assert composed(tools=[LOOK_UP])["content"][0]["input"] == {
        "word": "Name a colour.",
        "unit": "km",
        "fixed": 7,
        "limit": 1,
        "tags": [True],
        "deep": {"odd": "Name a colour.", "many": "Name a colour."},
    }


def test_a_built_in_tool_is_called_by_its_own_input():
    assert composed(tools=[BASH])["content"][0]["input"] == {"command": "ls"}


def test_a_deep_schema_is_followed_to_a_depth():
    schema = {"type": "object"}
    for _ in range(9):
        schema = {"type": "object", "properties": {"again": schema}}
    deep = composed(tools=[{"name": "t", "input_schema": schema}])["content"][0]["input"]
    assert deep == {"again": {"again": {"again": {"again": {"again": {}}}}}}


def test_a_text_is_cut_at_the_first_stop_sequence():
    message = composed(text="one two three", stop_sequences=["three", "two"])
    assert message["content"][0]["text"] == "one "
    assert message["stop_sequence"] == "two"


def test_a_text_is_cut_between_characters_after_max_tokens():
    message = composed(text="éééé", max_tokens=1)
    assert message["content"][0]["text"] == "éé"
    assert message["usage"]["output_tokens"] == 1


def test_a_document_is_cited_where_citations_are_enabled():
    message = composed([DOCUMENT, {"type": "text", "text": "What colour?"}])
    (citation,) = message["content"][0]["citations"]
    assert (
        citation["cited_text"] == DOCUMENT["source"]["data"][citation["start_char_index"] : citation["end_char_index"]]
    )
    assert citation["document_title"] == "Notes"


def test_what_is_written_to_the_cache_is_not_counted_twice():
    system = [{"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral"}}]
    with_cache, without = composed(system=system)["usage"], composed()["usage"]
    assert with_cache["cache_creation_input_tokens"] == 100
    assert with_cache["input_tokens"] == without["input_tokens"]

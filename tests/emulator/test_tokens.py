"""Token counts are stable and grow with what is sent."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.tokens import count_cached, count_input, count_text


def message(content):
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("é" * 4, 2)])
def test_four_bytes_make_a_token(text, tokens):
    assert count_text(text) == tokens


@pytest.mark.parametrize(
    "more",
    [
        {"system": "Be brief."},
        {"system": [{"type": "text", "text": "Be brief."}]},
        {"tools": [{"name": "look_up", "input_schema": {"type": "object"}}]},
        message([{"type": "text", "text": "hello there"}, {"type": "image", "source": {"type": "url", "url": "x"}}]),
        message([{"type": "document", "source": {"type": "text", "data": "long " * 20, "media_type": "text/plain"}}]),
        message([{"type": "document", "source": {"type": "content", "content": "long " * 20}}]),
        message([{"type": "document", "source": {"type": "base64", "data": "AAAA" * 20}}]),
        message([{"type": "document", "source": {"type": "url", "url": "https://example.org"}}]),
        message([{"type": "tool_result", "tool_use_id": "t", "content": "found: " * 9}]),
        message([{"type": "tool_use", "id": "t", "name": "n", "input": {"query": "who was it?"}}]),
    ],
)
def test_whatever_is_added_counts(more):
    plain = message("hello there")
    assert count_input(plain | more) > count_input(plain)


def test_what_is_marked_in_the_system_prompt_counts_as_cached():
    system = [
        {"type": "text", "text": "x" * 40},
        {"type": "text", "text": "y" * 40, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "z" * 40},
    ]
    assert count_cached({"system": system}) == 20
    assert count_cached({"system": "text"}) == 0

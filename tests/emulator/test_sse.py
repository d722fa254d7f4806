"""A message told as events is the same message."""

from __future__ import annotations

import json
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.emulator.sse import completion_events, message_events

BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, st.text()),
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "c2ln"}, st.text()),
    st.builds(
        lambda value: {"type": "tool_use", "id": "t", "name": "n", "input": {"value": value}},
        st.recursive(st.text() | st.integers() | st.none(), st.lists),
    ),
    st.just({"type": "redacted_thinking", "data": "xyz"}),
    st.just({"type": "text", "text": "as said", "citations": [{"type": "char_location", "cited_text": "said"}]}),
)


def read(events):
    for event in events:
        name, data = event.decode().removesuffix("\n\n").split("\n")
        assert name == f"event: {json.loads(data.removeprefix('data: '))['type']}"
        yield json.loads(data.removeprefix("data: "))


def put_together(events):
    """Read a stream as a client does, by the contract alone."""
    message, partial_json = {}, defaultdict(str)
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                message["content"].append(event["content_block"])
            case "content_block_delta" if event["delta"]["type"] == "input_json_delta":
                partial_json[event["index"]] += event["delta"]["partial_json"]
            case "content_block_delta":
                add(message["content"][event["index"]], event["delta"])
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    for index, text in partial_json.items():
        message["content"][index]["input"] = json.loads(text)
    return message


def add(block, delta):
    field = {"citations_delta": "citation"}.get(delta["type"], delta["type"].removesuffix("_delta"))
    if field == "citation":
        block["citations"].append(delta["citation"])
    else:
        block[field] += delta[field]


@given(st.lists(BLOCKS, max_size=4))
def test_the_events_of_a_message_add_up_to_it(content):
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }
    events = list(read(message_events(message)))
    assert put_together(events) == message
    assert events[-1] == {"type": "message_stop"}
    assert ({"type": "ping"} in events) is bool(content)


@given(st.text())
def test_the_events_of_a_completion_add_up_to_it(text):
    completion = {"type": "completion", "completion": text, "stop_reason": "stop_sequence", "model": "m"}
    events = list(read(completion_events(completion)))
    pieces = [event for event in events if event["type"] == "completion"]
    assert "".join(piece["completion"] for piece in pieces) == text
    assert [piece["stop_reason"] for piece in pieces] == [None] * (len(pieces) - 1) + ["stop_sequence"]

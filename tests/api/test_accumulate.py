from __future__ import annotations

import pytest

from airflow_provider_sam.api.accumulate import CompletionAccumulator, MessageAccumulator
from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.events import COMPLETION_EVENTS, MESSAGE_EVENTS

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 1, "newer": 1},
    "newer": True,
}
START = {"type": "message_start", "message": MESSAGE}
STOP = {"type": "message_stop"}


def started(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, **piece):
    return {"type": "content_block_delta", "index": index, "delta": piece}


def message_of(*events):
    """What the events add up to, as JSON."""
    accumulator = MessageAccumulator()
    for event in events:
        accumulator.add(MESSAGE_EVENTS.validate_python(event))
    return accumulator.result().model_dump(mode="json", exclude_unset=True)


CITATION = {"type": "newer_location", "where": "there"}


@pytest.mark.parametrize(
    ("events", "block"),
    [
        (
            [
                started(0, type="text", text=""),
                delta(0, type="text_delta", text="Hel"),
                delta(0, type="text_delta", text="lo"),
            ],
            {"type": "text", "text": "Hello"},
        ),
        (
            [started(0, type="text", text="He"), delta(0, type="text_delta", text="llo")],
            {"type": "text", "text": "Hello"},
        ),
        (
            [
                started(0, type="text", text="", citations=[], newer=1),
                delta(0, type="citations_delta", citation=CITATION),
                delta(0, type="text_delta", text="a"),
                delta(0, type="citations_delta", citation={**CITATION, "where": "here"}),
            ],
            {"type": "text", "text": "a", "citations": [CITATION, {**CITATION, "where": "here"}], "newer": 1},
        ),
        (
            [
                started(0, type="tool_use", id="t", name="n", input={}),
                delta(0, type="input_json_delta", partial_json=""),
                delta(0, type="input_json_delta", partial_json='{"a": [1, 1234567890'),
                delta(0, type="input_json_delta", partial_json="1234567890]}"),
            ],
            {"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1, 12345678901234567890]}},
        ),
        (
            [
                started(0, type="tool_use", id="t", name="n", input={}),
                delta(0, type="input_json_delta", partial_json=""),
            ],
            {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        ),
        (
            [
                started(0, type="tool_use", id="t", name="n", input={}),
                delta(0, type="input_json_delta", partial_json='{"a": 1, "b": [2, "th'),
            ],
            {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1, "b": [2]}},
        ),
        (
            [
                started(0, type="thinking", thinking="", signature=""),
                delta(0, type="thinking_delta", thinking="h"),
                delta(0, type="thinking_delta", thinking="m"),
                delta(0, type="signature_delta", signature="s"),
            ],
            {"type": "thinking", "thinking": "hm", "signature": "s"},
        ),
        (
            [
                started(0, type="tool_use", id="t", name="n", input={}),
                delta(0, type="input_json_delta", partial_json='{"a": "\\ud83d"}'),
            ],
            {"type": "tool_use", "id": "t", "name": "n", "input": {"a": "\ud83d"}},
        ),
        ([started(0, type="redacted_thinking", data="x")], {"type": "redacted_thinking", "data": "x"}),
        (
            [started(0, type="newer", x=[1]), delta(0, type="newer_delta", y=2)],
            {"type": "newer", "x": [1], "unknown_deltas": [{"type": "newer_delta", "y": 2}]},
        ),
        (
            [
                started(0, type="text", text=""),
                delta(0, type="text_delta", text="a", logprobs=[-1]),
                delta(0, type="newer_delta"),
                delta(0, type="text_delta", text="b"),
                delta(0, type="citations_delta", citation=CITATION, newer=None),
            ],
            {
                "type": "text",
                "text": "ab",
                "citations": [CITATION],
                "unknown_deltas": [
                    {"type": "text_delta", "logprobs": [-1]},
                    {"type": "newer_delta"},
                    {"type": "citations_delta", "newer": None},
                ],
            },
        ),
        (
            [
                {**started(0, type="text", text="", kept=1), "early": 2, "text": "never taken for the block's own"},
                {**delta(0, type="text_delta", text="a"), "between": 3},
                {"type": "content_block_stop", "index": 0, "late": 4},
            ],
            {"type": "text", "text": "a", "kept": 1, "early": 2, "between": 3, "late": 4},
        ),
    ],
)
def test_a_block_is_what_its_pieces_add_up_to(events, block):
    assert message_of(START, *events, {"type": "content_block_stop", "index": 0}, STOP)["content"] == [block]


def test_blocks_stand_in_the_order_of_their_index():
    events = [
        started(1, type="text", text="b"),
        started(0, type="text", text="a"),
        delta(1, type="text_delta", text="!"),
    ]

    assert [block["text"] for block in message_of(START, *events, STOP)["content"]] == ["a", "b!"]


def test_the_last_word_about_the_message_counts_and_null_counts_change_nothing():
    change = {"stop_reason": "newer_reason", "stop_sequence": "###", "more": 1}
    usage = {"output_tokens": 9, "input_tokens": None, "cache_read_input_tokens": 3, "tools": {"searches": 2}}

    message = message_of(START, {"type": "message_delta", "delta": change, "usage": usage}, {"type": "ping"}, STOP)

    assert message == {
        **MESSAGE,
        **change,
        "usage": {
            "input_tokens": 5,
            "output_tokens": 9,
            "cache_read_input_tokens": 3,
            "newer": 1,
            "tools": {"searches": 2},
        },
    }


def test_what_is_new_beside_a_change_is_kept():
    change = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "context": {"edits": [1]}}

    assert message_of(START, change, STOP)["context"] == {"edits": [1]}


def test_what_is_new_beside_the_message_is_kept():
    first, last = {**START, "gateway": 1, "id": "not the message's"}, {**STOP, "metrics": {"ms": 2}}

    assert message_of(first, last) == {**MESSAGE, "gateway": 1, "metrics": {"ms": 2}}


def test_a_change_without_usage_leaves_the_counts():
    change = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}

    assert message_of(START, change, STOP)["usage"] == MESSAGE["usage"]


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([STOP], "did not start with message_start"),
        ([{"type": "message_delta", "delta": {}}], "did not start with message_start"),
        ([], "did not start with message_start"),
        ([START, delta(2, type="text_delta", text="a")], "block 2, which never started"),
        (
            [
                START,
                started(0, type="tool_use", id="t", name="n"),
                delta(0, type="input_json_delta", partial_json="nonsense"),
            ],
            "not form a message",
        ),
        (
            [START, {"type": "message_delta", "delta": {"stop_reason": "x", "model": 7}}],
            "not form a message: not a Message, model: Input should be a valid string",
        ),
    ],
)
def test_events_that_make_no_message_are_an_error(events, problem):
    with pytest.raises(SamResponseError, match=problem):
        message_of(*events)


def test_a_message_is_finished_when_it_stops():
    accumulator = MessageAccumulator()
    accumulator.add(MESSAGE_EVENTS.validate_python(START))
    assert not accumulator.finished
    accumulator.add(MESSAGE_EVENTS.validate_python(STOP))
    assert accumulator.finished


def completion_of(*events):
    """What the events of a completion add up to."""
    accumulator = CompletionAccumulator()
    for event in events:
        accumulator.add(COMPLETION_EVENTS.validate_python({"type": "completion", **event}))
    return accumulator


def test_a_completion_is_what_its_pieces_add_up_to():
    pieces = completion_of(
        {"id": "compl_1", "completion": " Hel", "model": "m", "stop_reason": None},
        {"type": "ping"},
        {"type": "newer", "x": 1},
        {"completion": "lo", "model": "m", "stop_reason": "stop_sequence", "newer": 1},
    )

    assert pieces.finished
    assert pieces.result().model_dump(mode="json", exclude_unset=True) == {
        "id": "compl_1",
        "type": "completion",
        "completion": " Hello",
        "model": "m",
        "stop_reason": "stop_sequence",
        "newer": 1,
    }


def test_a_completion_is_not_finished_before_its_stop_reason():
    assert not completion_of({"completion": "a", "stop_reason": None}).finished


def test_a_server_that_streams_no_id_leaves_it_empty():
    assert completion_of({"completion": "a", "model": "m", "stop_reason": "x"}).result().id == ""


def test_pieces_that_make_no_completion_are_an_error():
    with pytest.raises(SamResponseError, match="not form a completion: not a Completion, model: Field required"):
        completion_of({"completion": "a", "stop_reason": "x"}).result()

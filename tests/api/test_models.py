from __future__ import annotations

import json
from datetime import UTC, datetime

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api import content, events, models
from airflow_provider_sam.api.statuses import read_batches
from airflow_provider_sam.emulator import OPENAPI_PATH

SCHEMAS = json.loads(OPENAPI_PATH.read_text(encoding="utf-8"))["components"]["schemas"]

# Where our name is not the contract's: nine schemas of errors have the same two fields and differ in their type alone.
NAMES = {
    "TextBlock": "ResponseTextBlock",
    "ToolUseBlock": "ResponseToolUseBlock",
    "ThinkingBlock": "ResponseThinkingBlock",
    "RedactedThinkingBlock": "ResponseRedactedThinkingBlock",
    "CharLocationCitation": "ResponseCharLocationCitation",
    "PageLocationCitation": "ResponsePageLocationCitation",
    "ContentBlockLocationCitation": "ResponseContentBlockLocationCitation",
    "ApiError": "APIError",
}
OF_THE_CONTRACT = [
    *(content.TextBlock, content.ToolUseBlock, content.ThinkingBlock, content.RedactedThinkingBlock),
    *(content.CharLocationCitation, content.PageLocationCitation, content.ContentBlockLocationCitation),
    *(models.Message, models.Usage, models.TokenCount, models.Completion, models.Model, models.ModelPage),
    *(models.MessageBatch, models.RequestCounts, models.MessageBatchPage, models.DeletedMessageBatch),
    *(models.BatchResultLine, models.SucceededResult, models.ErroredResult, models.CanceledResult),
    *(models.ExpiredResult, models.ErrorResponse, models.ApiError),
]

BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "ended",
    "request_counts": {"processing": 0, "succeeded": 4, "errored": 3, "canceled": 2, "expired": 1},
    "created_at": "2025-03-01T12:00:00.123456+02:00",
    "expires_at": "2025-03-02T12:00:00Z",
    "ended_at": None,
}
USAGE = {"input_tokens": 5, "output_tokens": 7}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "pause_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


def read(cls, value):
    """Read an object from its JSON."""
    return cls.read(json.dumps(value).encode())


def written(model):
    """An object as it is written back."""
    return json.loads(json.dumps(model.model_dump(mode="json", exclude_unset=True)))


@pytest.mark.parametrize("model", OF_THE_CONTRACT, ids=lambda model: model.__name__)
def test_a_model_has_the_fields_of_the_contract_and_requires_what_it_requires(model):
    schema = SCHEMAS[NAMES.get(model.__name__, model.__name__)]
    extra = {"ApiError": {"details"}, "ErrorResponse": {"request_id"}}.get(model.__name__, set())  # sam-api.md, Errors

    assert set(model.model_fields) == set(schema["properties"]) | extra
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    # A tool's input may be any JSON, null too, and pydantic counts a field of any type with a default as optional.
    assert required == set(schema["required"]) - {"input"}


def test_the_error_types_of_the_contract_differ_in_their_type_alone():
    kinds = [option["$ref"].rpartition("/")[2] for option in SCHEMAS["ErrorResponse"]["properties"]["error"]["anyOf"]]

    assert len(kinds) == 9
    assert {tuple(sorted(SCHEMAS[kind]["properties"])) for kind in kinds} == {("message", "type")}


def test_times_are_aware():
    batch = read(models.MessageBatch, BATCH)

    assert batch.created_at == datetime(2025, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    with pytest.raises(ValueError, match="created_at: Input should have timezone info"):
        read(models.MessageBatch, {**BATCH, "created_at": "2025-03-01T12:00:00"})


def test_the_counts_of_a_batch_sum_up_to_its_size():
    assert read(models.MessageBatch, BATCH).total == 10


@pytest.mark.parametrize(
    ("status", "terminal"), [("in_progress", False), ("canceling", False), ("ended", True), ("paused", False)]
)
def test_only_ended_is_terminal(status, terminal):
    assert read(models.MessageBatch, {**BATCH, "processing_status": status}).is_terminal is terminal


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({}, 5),
        ({"cache_creation_input_tokens": None, "cache_read_input_tokens": None}, 5),
        ({"cache_creation_input_tokens": 10, "cache_read_input_tokens": 100}, 115),
    ],
)
def test_total_input_is_the_sum_of_the_three_input_counts(more, total):
    assert read(models.Usage, {**USAGE, **more}).total_input_tokens == total


def test_the_text_of_a_message_is_that_of_its_text_blocks():
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Hello, "},
        {"type": "newer", "text": "not this"},
        {"type": "text", "text": "world."},
    ]

    assert read(models.Message, {**MESSAGE, "content": blocks}).text == "Hello, world."
    assert read(models.Message, {**MESSAGE, "content": []}).text == ""


CITATION = {
    "type": "page_location",
    "cited_text": "c",
    "document_index": 0,
    "start_page_number": 1,
    "end_page_number": 2,
}


@pytest.mark.parametrize(
    ("block", "cls"),
    [
        ({"type": "text", "text": "a", "newer": [1]}, content.TextBlock),
        ({"type": "text", "text": "a", "citations": None}, content.TextBlock),
        ({"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1, None, "\u2028"]}}, content.ToolUseBlock),
        ({"type": "tool_use", "id": "t", "name": "n", "input": None}, content.ToolUseBlock),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, content.ThinkingBlock),
        ({"type": "redacted_thinking", "data": "x"}, content.RedactedThinkingBlock),
        ({"type": "server_tool_use", "id": "t", "name": "n", "input": {}, "text": "a"}, content.UnknownBlock),
        ({"type": "unknown", "x": 1}, content.UnknownBlock),
        ({"text": "no type"}, content.UnknownBlock),
    ],
)
def test_a_content_block_has_the_class_of_its_type_and_is_written_back_as_it_came(block, cls):
    message = {**MESSAGE, "content": [block], "newer": {"a": [None, 1.5]}}
    read_message = read(models.Message, message)

    assert type(read_message.content[0]) is cls
    assert written(read_message) == message


@pytest.mark.parametrize(
    ("citation", "cls"),
    [
        (CITATION, content.PageLocationCitation),
        ({**CITATION, "document_title": None}, content.PageLocationCitation),
        (
            {
                "type": "char_location",
                "cited_text": "",
                "document_index": 1,
                "start_char_index": 0,
                "end_char_index": 2,
            },
            content.CharLocationCitation,
        ),
        (
            {
                "type": "content_block_location",
                "cited_text": "",
                "document_index": 1,
                "start_block_index": 0,
                "end_block_index": 2,
            },
            content.ContentBlockLocationCitation,
        ),
        ({**CITATION, "type": "web_search_result_location"}, content.UnknownCitation),
    ],
)
def test_a_citation_has_the_class_of_its_type_and_is_written_back_as_it_came(citation, cls):
    block = {"type": "text", "text": "a", "citations": [citation]}
    message = read(models.Message, {**MESSAGE, "content": [block]})

    assert type(message.content[0].citations[0]) is cls
    assert written(message)["content"] == [block]


@pytest.mark.parametrize(
    ("result", "cls"),
    [
        ({"type": "succeeded", "message": MESSAGE}, models.SucceededResult),
        (
            {"type": "errored", "error": {"type": "error", "error": {"type": "newer_error", "message": "m", "x": 1}}},
            models.ErroredResult,
        ),
        ({"type": "canceled"}, models.CanceledResult),
        ({"type": "expired", "newer": True}, models.ExpiredResult),
        ({"type": "postponed", "message": {"id": 5}}, models.UnknownResult),
    ],
)
def test_a_result_has_the_class_of_its_type_and_is_written_back_as_it_came(result, cls):
    line = {"custom_id": "a", "result": result}
    read_line = read(models.BatchResultLine, line)

    assert type(read_line.result) is cls
    assert written(read_line) == line


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
KNOWN = ("text", "tool_use", "thinking", "redacted_thinking")


@given(fields=st.dictionaries(st.text(), JSON), kind=st.text().filter(lambda kind: kind not in KNOWN))
def test_a_block_of_any_other_type_keeps_whatever_it_holds(fields, kind):
    message = {**MESSAGE, "content": [{**fields, "type": kind}]}

    assert written(read(models.Message, message)) == message


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({**MESSAGE, "content": [{"type": "text"}]}, "content.0.text.text: Field required"),
        ({**MESSAGE, "usage": {}}, "usage.input_tokens: Field required; usage.output_tokens: Field required"),
        ({}, "; and 3 more"),
        ("secret text", "whole: Input should be"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place_and_not_by_its_content(value, problem):
    with pytest.raises(ValueError, match="not a Message, ") as refused:
        read(models.Message, value)

    assert problem in str(refused.value)
    assert "secret text" not in str(refused.value)


def test_an_answer_cannot_be_changed_by_accident():
    batch = read(models.MessageBatch, BATCH)

    with pytest.raises(ValueError, match="frozen"):
        batch.processing_status = "ended"


@pytest.mark.parametrize(
    ("event", "cls"),
    [
        ({"type": "ping"}, events.PingEvent),
        ({"type": "newer", "x": 1}, events.UnknownEvent),
        ({"type": "message_stop", "newer": 1}, events.MessageStopEvent),
        ({"type": "content_block_stop", "index": 1}, events.ContentBlockStopEvent),
        ({"type": "message_start", "message": MESSAGE}, events.MessageStartEvent),
        ({"type": "message_delta", "delta": {"newer": 1}, "usage": {"output_tokens": 3}}, events.MessageDeltaEvent),
        (
            {"type": "content_block_start", "index": 0, "content_block": {"type": "newer"}},
            events.ContentBlockStartEvent,
        ),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"type": "newer", "x": 1}},
            events.ContentBlockDeltaEvent,
        ),
    ],
)
def test_an_event_has_the_class_of_its_type_and_is_written_back_as_it_came(event, cls):
    read_event = events.MESSAGE_EVENTS.validate_python(event)

    assert type(read_event) is cls
    assert written(read_event) == event


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901+00:00"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
    ],
)
def test_moments_are_pendulum_s_and_the_same_instant_in_utc(written, instant):
    model = models.Model.made_of({"id": "m", "type": "model", "display_name": "M", "created_at": written})
    assert isinstance(model.created_at, pendulum.DateTime)
    assert model.created_at == pendulum.parse(written)
    assert model.created_at.isoformat() == instant
    assert pendulum.parse(model.model_dump(mode="json")["created_at"]) == model.created_at


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="created_at"):
        models.Model.made_of({"id": "m", "type": "model", "display_name": "M", "created_at": "2026-01-02T03:04:05"})


@pytest.mark.parametrize("moment", ["2025-01-01T00:00:00.123456789Z", "2025-01-01T01:00:00.1234565+01:00"])
def test_a_moment_is_the_same_from_every_reader(moment):
    counts = dict.fromkeys(["processing", "succeeded", "errored", "canceled", "expired"], 0)
    batch = {"id": "b", "type": "message_batch", "processing_status": "ended", "request_counts": counts}
    batch |= {"created_at": moment, "expires_at": moment, "results_url": None}
    page = json.dumps({"data": [batch], "has_more": False}).encode()

    assert models.MessageBatchPage.read(page).data[0].created_at == read_batches(page).data[0].created_at


def test_half_a_surrogate_pair_that_a_model_wrote_is_read():
    message = (
        b'{"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "'
    )
    message += b'\\ud83d"}], "usage": {"input_tokens": 1, "output_tokens": 1}}'

    assert models.Message.read(message).text == "\ud83d"

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.client import AsyncSamClient, SamClient
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.api.streaming import text_of
from tests.api.servers import RawServer, http

PARAMS = {"model": "m", "max_tokens": 5, "messages": []}
COMPLETION = {"model": "m", "prompt": "p", "max_tokens_to_sample": 5}
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 1},
    },
}
STOP = {"type": "message_stop"}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


def text(piece):
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}


def sse(*events, end="\n"):
    """Events as they go over the wire; a string as it is."""
    written = [
        event
        if isinstance(event, str)
        else f"event: {event['type']}{end}data: {json.dumps(event, ensure_ascii=False)}{end}{end}"
        for event in events
    ]
    return "".join(written).encode()


@pytest.fixture
def stream(call):
    """Streams a message, or a completion, whose events are given."""

    def read(*events, method="stream_message", **more):
        answer = http(sse(*events, **more), content_type="text/event-stream; charset=utf-8", request_id="req_1")
        with RawServer(answer) as server:
            settings = ClientSettings(base_url=server.url, api_key="k")
            return call(settings, method, PARAMS if method == "stream_message" else COMPLETION)

    return read


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_come_typed_and_add_up_to_the_message(stream, end):
    events, message = stream(START, {"type": "ping"}, BLOCK, text("Grüße\u2028"), text("\x85!"), STOP, end=end)

    assert [event.type for event in events] == [
        *("message_start", "ping", "content_block_start", "content_block_delta", "content_block_delta", "message_stop")
    ]
    assert message.text == "Grüße\u2028\x85!"


def test_what_is_newer_than_we_are_passes(stream):
    newer = {"type": "newer_event", "x": 1}
    nameless = f"data: {json.dumps({'type': 'ping'})}\n\n"

    events, message = stream(": comment\n\n", START, newer, nameless, "event: ping\ndata:\n\n", "retry: 5\n\n", STOP)

    assert [event.type for event in events] == ["message_start", "newer_event", "ping", "message_stop"]
    assert events[1].x == 1
    assert message.id == "msg_1"


@pytest.mark.parametrize("data", ["pong", "[1]", "{", '{"type": 5}', '{"type": null}'])
@pytest.mark.parametrize("name", ["ping", "newer_event"])
def test_whatever_comes_with_an_event_that_is_no_part_of_the_answer_is_ignored(stream, name, data):
    events, message = stream(START, f"event: {name}\ndata: {data}\n\n", STOP)

    assert [event.type for event in events] == ["message_start", name, "message_stop"]
    assert message.id == "msg_1"


def test_nothing_after_the_end_of_the_message_is_waited_for(stream):
    events, _ = stream(START, STOP, "event: ping\ndata: not json\n\n")

    assert len(events) == 2


@pytest.mark.parametrize("events", [[], [START], [START, BLOCK, text("a")], [START, "event: message_stop\ndata: {}"]])
def test_a_stream_that_ends_before_the_message_is_cut(stream, events):
    with pytest.raises(errors.SamDisconnectedError, match="cut before its end") as failed:
        stream(*events)

    assert (failed.value.operation, failed.value.request_id) == ("stream_message", "req_1")


def test_a_completion_ends_with_its_stop_reason(stream):
    pieces = [
        {"type": "completion", "completion": " Hel", "stop_reason": None, "model": "m"},
        {"type": "ping"},
        {"type": "completion", "completion": "lo", "stop_reason": "stop_sequence", "model": "m"},
    ]

    _, completion = stream(*pieces, method="stream_completion")

    assert completion.completion == " Hello"
    with pytest.raises(errors.SamDisconnectedError, match="cut before its end"):
        stream(*pieces[:2], method="stream_completion")


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("event: message_delta\ndata: {\n\n", "the data of a 'message_delta' event is not JSON"),
        ("event: message_delta\ndata: [1]\n\n", "the data of a 'message_delta' event is not a JSON object"),
        (
            {"type": "content_block_stop"},
            "a 'content_block_stop' event is wrong, content_block_stop.index: Field required",
        ),
        (text("a"), "block 0, which never started"),
    ],
)
def test_an_event_that_is_none_of_the_apis_is_an_error(stream, event, problem):
    with pytest.raises(errors.SamResponseError, match=problem):
        stream(START, event, STOP)


@pytest.mark.parametrize("name", ["error", "newer_name"])
def test_an_error_event_is_known_by_its_name_or_its_type(stream, name):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "words"}}

    with pytest.raises(errors.SamOverloadedError, match="words"):
        stream(START, f"event: {name}\ndata: {json.dumps(error)}\n\n")


def test_an_answer_that_is_no_stream_is_an_error(call):
    with RawServer(http(b"<html>", content_type="text/html")) as server:
        settings = ClientSettings(base_url=server.url, api_key="k")
        with pytest.raises(errors.SamResponseError, match="something else than events"):
            call(settings, "stream_message", PARAMS)


DELTAS = {
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
    "signature": {"type": "thinking", "thinking": "", "signature": ""},
    "partial_json": {"type": "tool_use", "id": "t", "name": "n", "input": {}},
}


@pytest.mark.parametrize("kept", DELTAS)
def test_what_every_kind_of_delta_brings_counts_against_the_limit(call, kept):
    """Many pieces, none of them large, add up to more than an answer may hold."""
    block = {"type": "content_block_start", "index": 0, "content_block": DELTAS[kept]}
    kind = "input_json_delta" if kept == "partial_json" else f"{kept}_delta"
    piece = {"type": "content_block_delta", "index": 0, "delta": {"type": kind, kept: "x" * 500}}
    answer = http(sse(START, block, *[piece] * 50, STOP), content_type="text/event-stream")
    with RawServer(answer) as server:
        settings = ClientSettings(base_url=server.url, api_key="k", limits=Limits(max_answer_bytes=10_000))
        with pytest.raises(errors.SamResponseError, match="add up to more than 10000 bytes"):
            call(settings, "stream_message", PARAMS)


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        {"type": "text", "text": "a\u2028", "citations": [{"type": "newer_location"}], "newer": 1},
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"b": "\ud83d"}},
        {"type": "newer_block", "text": ["c"]},
        {"type": "text", "text": "d"},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 1, "newer": {"x": 2}},
    "newer": [3],
}


@pytest.fixture
def whole(call):
    """Asks for a stream where a gateway answers with one JSON document."""

    def read(answer, method="stream_message", *, content_type="application/json", **more):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        with RawServer(http(body, request_id="req_1", content_type=content_type)) as server:
            settings = ClientSettings(base_url=server.url, api_key="k", **more)
            return call(settings, method, PARAMS if method == "stream_message" else COMPLETION)

    return read


def test_a_message_that_a_gateway_does_not_stream_is_read_all_the_same(whole):
    events, message = whole(MESSAGE)

    assert message.model_dump(mode="json", exclude_unset=True) == MESSAGE
    assert [event.type for event in events if not event.type.startswith("content_block")] == [
        *("message_start", "message_delta", "message_stop")
    ]
    assert (events[0].message.content, events[0].message.stop_reason) == ([], None)
    assert "".join(map(text_of, events)) == message.text == "a\u2028d"


def test_a_message_in_its_shortest_form_comes_back_as_it_is(whole):
    shortest = {name: value for name, value in MESSAGE.items() if not name.startswith(("stop_", "newer"))}

    assert whole(shortest).final.model_dump(mode="json", exclude_unset=True) == shortest


def test_a_completion_that_a_gateway_does_not_stream_is_read_all_the_same(whole):
    completion = {"type": "completion", "id": "c", "completion": " Hi", "model": "m", "stop_reason": "x", "newer": 1}

    events, final = whole(completion, "stream_completion", content_type="Application/JSON; charset=utf-8")

    assert [event.completion for event in events] == [" Hi"]
    assert final.model_dump(mode="json", exclude_unset=True) == completion


def test_an_error_in_place_of_a_stream_is_known_by_its_type(whole):
    with pytest.raises(errors.SamOverloadedError, match="words"):
        whole({"type": "error", "error": {"type": "overloaded_error", "message": "words"}})


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'{"id": "msg_1"}', "its 15 bytes of application/json are not the answer: neither events, nor a message"),
        (b"[]", "neither events, nor a message"),
        (b"{", "are not the answer: not JSON"),
        (b"[" * 100_000, "are not the answer: not JSON"),
        ({**MESSAGE, "usage": 1}, "are not the answer: not a Message, usage: Input should be"),
        ({"type": "completion"}, "are not the answer: not a Completion, id: Field required"),
    ],
)
def test_one_document_that_is_none_of_the_apis_is_an_error(whole, answer, problem):
    with pytest.raises(errors.SamResponseError, match=problem) as failed:
        whole(answer)

    assert (failed.value.operation, failed.value.request_id) == ("stream_message", "req_1")


def test_one_document_has_the_limit_of_every_answer(whole):
    with pytest.raises(errors.SamResponseError, match="more than 100 bytes, the limit of max_answer_bytes"):
        whole(MESSAGE, limits=Limits(max_answer_bytes=100))


@pytest.fixture
def client():
    """Gives a client of a server that gives one answer."""
    with ExitStack() as stack:

        def answered(answer):
            server = stack.enter_context(RawServer(answer))
            return stack.enter_context(SamClient(ClientSettings(base_url=server.url, api_key="k")))

        yield answered


WHOLE = http(sse(START, BLOCK, text("a"), text("b"), text("c"), STOP), content_type="text/event-stream")


def test_the_text_alone_can_be_read_in_part_and_the_message_still_be_had(client):
    with client(WHOLE).stream_message(PARAMS) as stream:
        first = next(stream.text_stream)
        rest = list(stream.text_stream)
        message = stream.get_final_message()

    assert (first, rest, message.text) == ("a", ["b", "c"], "abc")


def test_the_text_alone_can_be_awaited_in_part_and_the_message_still_be_had():
    async def read(url):
        settings = ClientSettings(base_url=url, api_key="k")
        async with AsyncSamClient(settings) as client, client.stream_message(PARAMS) as stream:
            first = await anext(stream.text_stream)
            rest = [piece async for piece in stream.text_stream]
            return first, rest, (await stream.get_final_message()).text

    with RawServer(WHOLE) as server:
        assert asyncio.run(read(server.url)) == ("a", ["b", "c"], "abc")


def test_leaving_early_is_no_error(client):
    with client(WHOLE).stream_message(PARAMS) as stream:
        assert next(iter(stream)).type == "message_start"


def test_a_message_asked_for_after_the_stream_broke_is_an_error_again(client):
    with client(http(sse(START), content_type="text/event-stream")).stream_message(PARAMS) as stream:
        for _ in range(2):
            with pytest.raises(errors.SamDisconnectedError, match="cut"):
                stream.get_final_message()

from __future__ import annotations

import gzip
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import Cut, Fault, Lines, SamEmulator
from tests.api.calling import Blocking, Patience
from tests.api.servers import RawServer, http

SETTINGS = ClientSettings(base_url="http://sam.test", api_key="k")


def answered(status=200, **headers):
    """A transport that answers with a few bytes and these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(b"abcde"), headers=named))


@pytest.mark.parametrize(
    ("answer", "offset", "length"),
    [
        (answered(), 0, None),
        (answered(content_length="5"), 0, 5),
        (answered(206, content_range="bytes 7-11/12", content_length="5"), 7, 5),
        (answered(206, content_range="bytes 7-11/*"), 7, None),
        (answered(206, content_range="lines 7-11/12"), 0, None),
        (answered(200, content_range="bytes 7-11/12"), 0, None),
    ],
)
def test_the_stream_says_where_its_bytes_begin_and_how_many_follow(call, answer, offset, length):
    head, data = call(SETTINGS, "stream_results", "b", offset=7, transport=answer)

    assert data == b"abcde"
    assert (head.offset, head.content_length) == (offset, length)


def test_compressed_results_are_refused_since_they_were_asked_for_as_they_are(call):
    answer = http(
        gzip.compress(b"abc"), content_type="application/x-jsonl", content_encoding="gzip", request_id="req_1"
    )
    with (
        RawServer(answer) as server,
        pytest.raises(errors.SamResponseError, match="content-encoding 'gzip'") as refused,
    ):
        call(ClientSettings(base_url=server.url, api_key="k"), "stream_results", "b")

    assert refused.value.request_id == "req_1"


def test_a_line_longer_than_the_limit_is_an_error_that_names_it(call):
    settings = ClientSettings(base_url="http://sam.test", api_key="k", limits=Limits(max_result_line_bytes=300))
    line = b'{"custom_id": "a", "result": {"type": "expired"}}\n'
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=line + b'{"custom_id": "' + b"b" * 300))

    with pytest.raises(errors.SamResponseError, match=r"line 2, from byte 50 on, is longer than 300 bytes"):
        call(settings, "iter_results", "b", transport=transport)


def test_a_line_of_too_many_values_is_its_raw_text_before_an_object_is_made_of_each(call):
    many = b'{"custom_id": "a", "result": {"type": "newer", "x": [' + b"{}," * 250_000 + b"0]}}"
    texts = b'{"custom_id": "a", "result": {"type": "newer", "x": "' + b"{}," * 250_000 + b'\\""}}'

    (result,) = call(
        SETTINGS, "iter_results", "b", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=many))
    )
    assert (result.custom_id, result.result.model_dump(), result.raw) == ("a", {"type": "newer"}, many.decode())
    (result,) = call(
        SETTINGS, "iter_results", "b", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=texts))
    )
    assert result.result.x.endswith('{},"')


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_broke_if_the_server_can(call, requests, ranges):
    with SamEmulator(results_ranges=ranges, results_content_length=True) as emulator:
        settings = ClientSettings(base_url=emulator.url, api_key=emulator.api_key)
        batch = call(settings, "create_batch", requests)
        call(settings, "get_batch", batch.id)
        whole = call(settings, "stream_results", batch.id).data
        emulator.faults.add(Fault(Cut(40), operation="messages_batches_results"))
        chunks = []
        cut = pytest.raises(errors.SamDisconnectedError)
        with SamClient(settings) as client, client.stream_results(batch.id) as broken, cut:
            chunks.extend(broken)
        received = b"".join(chunks)
        rest = call(settings, "stream_results", batch.id, offset=len(received))

    assert received == whole[:40]
    assert (rest.head.offset, rest.head.status) == ((40, 206) if ranges else (0, 200))
    assert rest.data == whole[rest.head.offset :]
    assert rest.head.content_length == len(rest.data)


def test_results_that_are_not_there_are_a_404(call, settings):
    with pytest.raises(errors.SamNotFoundError):
        call(settings, "stream_results", "msgbatch_missing")


def test_a_stream_read_after_its_block_is_an_error_of_ours():
    with SamClient(SETTINGS, transport=answered()) as client:
        with client.stream_results("b") as stream:
            pass
        with pytest.raises(errors.SamResponseError, match="cannot be read"):
            list(stream)


def test_the_bytes_of_results_come_as_they_are(call, settings, requests):
    batch = call(settings, "create_batch", requests[:1])
    call(settings, "get_batch", batch.id)  # the emulator ends a batch when it is looked at
    head, data = call(settings, "stream_results", batch.id)

    assert (head.status, head.offset) == (200, 0)
    assert head.headers["content-type"].startswith("application/x-jsonl")
    assert json.loads(data)["custom_id"] == "row-0"


def test_a_torn_line_of_results_is_an_error_that_names_it(call, settings, requests, sam_emulator):
    batch = call(settings, "create_batch", requests)
    call(settings, "get_batch", batch.id)
    sam_emulator.faults.add(Fault(Lines("torn", line=2), operation="messages_batches_results"))

    with pytest.raises(errors.SamResponseError, match=r"line 3, .* is not a result"):
        call(settings, "iter_results", batch.id)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)
NEWER = st.dictionaries(st.text().map("newer_{}".format), VALUES, max_size=2)
BLOCKS = st.one_of(
    st.builds(lambda text, newer: {"type": "text", "text": text, **newer}, st.text(), NEWER),
    st.builds(
        lambda input_, newer: {"type": "tool_use", "id": "t", "name": "n", "input": input_, **newer}, VALUES, NEWER
    ),
    st.builds(lambda kind, newer: {**newer, "type": kind}, st.text().map("newer_{}".format), NEWER),
)
MESSAGES = st.builds(
    lambda content, reason, newer, usage: {
        **newer,
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": reason,
        "usage": {"input_tokens": 1, "output_tokens": 2, **usage},
    },
    st.lists(BLOCKS, max_size=3),
    st.none() | st.text(),
    NEWER,
    NEWER,
)
ERRORS = st.builds(
    lambda kind, message, newer: {"type": "error", "error": {"type": kind, "message": message, **newer}},
    st.text(),
    st.text(),
    NEWER,
)
RESULTS = st.one_of(
    st.builds(lambda message: {"type": "succeeded", "message": message}, MESSAGES),
    st.builds(lambda error: {"type": "errored", "error": error}, ERRORS),
    st.builds(lambda kind, newer: {**newer, "type": kind}, st.sampled_from(["canceled", "expired", "newer"]), NEWER),
)
LINES = st.lists(
    st.builds(lambda id_, result, newer: {**newer, "custom_id": id_, "result": result}, st.text(), RESULTS, NEWER)
)


@given(
    lines=LINES,
    ascii_only=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    last=st.booleans(),
    cuts=st.lists(st.integers(1, 200), min_size=1),
)
def test_nothing_of_any_result_is_lost_or_changed(lines, ascii_only, end, last, cuts):
    data = end.join(json.dumps(line, ensure_ascii=ascii_only) for line in lines).encode() + (
        end.encode() if last else b""
    )
    settings = ClientSettings(base_url="http://sam.test", api_key="k")

    read = Blocking(Patience())(settings, "iter_results", "b", transport=cut_answer(data, cuts))

    assert [line.model_dump(mode="json", exclude_unset=True) for line in read] == lines


def cut_answer(data, cuts):
    """A transport that answers with the data in chunks of the given lengths, the last of them from then on."""

    def chunks():
        start, lengths = 0, iter(cuts)
        while start < len(data):
            length = next(lengths, 200)
            yield data[start : start + length]
            start += length

    return httpx.MockTransport(lambda _: httpx.Response(200, content=chunks()))

"""However much the other side sends, only so much of it is taken into memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from itertools import chain, repeat

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.servers import RawServer, endless, http

MODELS = b'{"data": [], "has_more": false}'
PARAMS = {"model": "m", "max_tokens": 5, "messages": []}
SMALL = Limits(max_answer_bytes=2000, max_error_bytes=1000)
MEGABYTE = 1_000_000

PEAK = """
import sys
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamError
from airflow_provider_sam.api.settings import ClientSettings

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

def call(client, method, *args):
    if method != "stream_message":
        return list(getattr(client, method)(*args))
    with client.stream_message({"model": "m", "max_tokens": 5, "messages": []}) as stream:
        return stream.get_final_message()

with SamClient(ClientSettings(base_url=sys.argv[1], api_key="k")) as client:
    before = kilobytes("VmRSS")
    try:
        call(client, *sys.argv[2:])
    except SamError as error:
        print((kilobytes("VmHWM") - before) * 1024, type(error).__name__)
"""


@pytest.fixture
def calls(call):
    """Makes a call of a server with the given answer, under small limits."""

    def against(answer, method="list_models", *args, limits=SMALL):
        with RawServer(answer) as server:
            return call(ClientSettings(base_url=server.url, api_key="k", limits=limits), method, *args)

    return against


def test_of_an_error_without_an_end_only_the_beginning_is_read(calls):
    with pytest.raises(errors.SamInvalidRequestError, match="1000 bytes of text/plain"):
        calls(endless(b"x" * 100, status="400 Bad Request", content_type="text/plain"))


def test_an_answer_larger_than_the_limit_is_an_error_that_names_it(calls):
    with pytest.raises(errors.SamResponseError, match="more than 2000 bytes, the limit of max_answer_bytes"):
        calls(endless(b" "))


def test_an_answer_of_exactly_the_limit_is_read(calls):
    assert calls(http(MODELS.ljust(2000))).data == []
    assert calls(http(gzip.compress(MODELS.ljust(2000)), content_encoding="gzip")).data == []


def test_the_limit_is_that_of_the_decompressed_answer(calls):
    with pytest.raises(errors.SamResponseError, match="more than 2000 bytes"):
        calls(http(gzip.compress(MODELS.ljust(2001)), content_encoding="gzip"))


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("br", MODELS, "content-encoding 'br' was not asked for"),
        ("gzip, gzip", gzip.compress(gzip.compress(MODELS)), "content-encoding 'gzip, gzip' was not asked for"),
        ("gzip", MODELS, "incorrect header"),
        ("gzip", gzip.compress(MODELS)[:-4], "ends too early"),
        ("gzip", gzip.compress(MODELS) + b"x", "follow the end"),
    ],
)
def test_an_answer_compressed_otherwise_cannot_be_read(calls, encoding, body, said):
    with pytest.raises(errors.SamResponseError, match=said):
        calls(http(body, content_encoding=encoding))


@pytest.mark.parametrize(("encoding", "body"), [("br", b"..."), ("gzip", b"..."), ("gzip", gzip.compress(b"a")[:-4])])
def test_what_an_error_means_does_not_depend_on_its_body(calls, encoding, body):
    with pytest.raises(errors.SamInvalidRequestError, match="answered 400"):
        calls(http(body, status="400 Bad Request", content_encoding=encoding))


def test_an_answer_of_too_many_values_is_refused_before_an_object_is_made_of_each(calls):
    with pytest.raises(errors.SamResponseError, match="more than 250000 values"):
        calls(http(b'{"data": [' + b"{}," * 250_000 + b'{}], "has_more": false}'), limits=Limits())


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: x\n", b"event: " + b"x" * 100, b"data: {}\r", b": x\n"])
def test_an_event_larger_than_the_limit_is_an_error_that_names_it(calls, piece):
    with pytest.raises(errors.SamResponseError, match="one of its events has more than 2000 bytes"):
        calls(endless(piece, content_type="text/event-stream"), "stream_message", PARAMS)


def test_all_events_together_have_a_limit_too(calls):
    with pytest.raises(errors.SamResponseError, match="its events have more than 8000 bytes together"):
        calls(endless(b'data: {"type": "ping"}\n\n', content_type="text/event-stream"), "stream_message", PARAMS)


def block(**event):
    return f"data: {json.dumps({'index': 0, **event})}\n\n".encode()


START = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
BEGUN = block(type="message_start", message={**START, "usage": {"input_tokens": 1, "output_tokens": 1}})
BEGUN += block(type="content_block_start", content_block={"type": "text", "text": ""})


def delta(kind, **piece):
    return block(type="content_block_delta", delta={"type": kind, **piece})


def stream_of(piece):
    """An answer that begins as a message, and then repeats a piece for ever."""
    head = next(endless(b"", content_type="text/event-stream"))
    return chain([head, BEGUN], repeat(piece))


@pytest.mark.parametrize("piece", [delta("text_delta", text="x" * 100), delta("newer", x=1), BEGUN])
def test_what_the_events_add_up_to_has_the_limit_of_an_answer(calls, piece):
    with pytest.raises(errors.SamResponseError, match="add up to more than 2000 bytes, the limit of max_answer_bytes"):
        calls(stream_of(piece), "stream_message", PARAMS)


def test_what_the_events_add_up_to_has_no_more_values_than_an_answer(calls):
    with pytest.raises(errors.SamResponseError, match="add up to more than 250000 values"):
        calls(stream_of(delta("newer", x=[[]] * 1000) * 10), "stream_message", PARAMS, limits=Limits())


def test_a_compressed_stream_of_events_is_read(calls):
    events = b'data: {"type": "completion", "completion": "a", "stop_reason": "b", "model": "m"}\n\n'
    answer = http(gzip.compress(events), content_type="text/event-stream", content_encoding="gzip")

    read = calls(answer, "stream_completion", {"model": "m", "prompt": "p", "max_tokens_to_sample": 5})

    assert read.final.completion == "a"


def bomb():
    """A gigabyte of spaces, compressed to a megabyte."""
    squeezed = zlib.compressobj(wbits=31)
    pieces = [squeezed.compress(b" " * MEGABYTE) for _ in range(1000)]
    return http(b"".join([*pieces, squeezed.flush()]), content_encoding="gzip")


@pytest.mark.parametrize(
    ("answer", "call", "error"),
    [
        (endless(b"x" * MEGABYTE, status="400 Bad Request"), ["get_batch", "b"], "SamInvalidRequestError"),
        (endless(b" " * MEGABYTE), ["get_batch", "b"], "SamResponseError"),
        (bomb(), ["get_batch", "b"], "SamResponseError"),
        (http(b'{"data": [' + b"{}," * 21 * MEGABYTE + b"0]}"), ["list_models"], "SamResponseError"),
        (http(b'{"data": [' + b"{}," * 240_000 + b"0]}"), ["list_models"], "SamResponseError"),
        (endless(b"x" * MEGABYTE, content_type="application/x-jsonl"), ["iter_results", "b"], "SamResponseError"),
        (stream_of(delta("text_delta", text="x" * MEGABYTE)), ["stream_message"], "SamResponseError"),
        (stream_of(delta("newer", x=[]) * 1000), ["stream_message"], "SamResponseError"),
        (stream_of(BEGUN * 1000), ["stream_message"], "SamResponseError"),
    ],
    ids=["error", "answer", "compressed", "values", "wrong-values", "line", "text", "newer", "blocks"],
)
def test_whatever_is_answered_a_process_grows_by_less_than_256_megabytes(answer, call, error):
    with RawServer(answer) as server:
        grown, raised = subprocess.run(
            [sys.executable, "-c", PEAK, server.url, *call], capture_output=True, text=True, check=True, timeout=120
        ).stdout.split()

    assert raised == error
    assert int(grown) < 256 * MEGABYTE

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.bodies import CHUNK_BYTES, BatchBody, RequestsBody, counted, encode
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits


def request(number, text="Hello."):
    """A request of a batch."""
    messages = [{"role": "user", "content": text}]
    return {"custom_id": f"row-{number}", "params": {"model": "m", "max_tokens": 1, "messages": messages}}


class Pieces:
    """A body that says one length and gives another."""

    def __init__(self, content_length, *pieces):
        self.content_length = content_length
        self.pieces = pieces

    def __iter__(self):
        return iter(self.pieces)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_a_batch_from_memory_is_compact_json_of_exactly_the_length_it_says(count):
    requests = [request(number, "Grüße\u2028 {{ braces }} \U0001f600" * 10) for number in range(count)]
    body = RequestsBody(requests, Limits())

    sent = b"".join(body)

    assert isinstance(body, BatchBody)
    assert json.loads(sent) == {"requests": requests}
    assert sent == json.dumps({"requests": requests}, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(sent) == body.content_length


def test_a_batch_from_memory_is_given_in_chunks_and_the_same_each_time():
    body = RequestsBody([request(number, "x" * 1000) for number in range(300)], Limits())

    first, second = list(body), list(body)

    assert first == second
    assert len(first) > 2
    assert max(map(len, first)) < CHUNK_BYTES + 2000


@pytest.mark.parametrize(
    ("requests", "limits", "problem"),
    [
        ([], Limits(), "requests is empty"),
        ([request(0), request(1), request(0)], Limits(), r"requests\[2\]: custom_id 'row-0' is already"),
        ([request(0), request(1)], Limits(max_batch_requests=1), "more than 1 requests"),
        ([request(0, "x" * 100)], Limits(max_batch_bytes=100), "the batch has .* bytes, the limit is 100"),
        ([request(0, {1, object})], Limits(), r"requests\[0\] cannot be written as JSON"),
        ([{"custom_id": "a", "params": {}}], Limits(), "model and max_tokens and messages missing"),
    ],
)
def test_a_batch_that_the_api_would_refuse_is_refused_here(requests, limits, problem):
    with pytest.raises(SamRequestError, match=problem):
        RequestsBody(requests, limits)


@pytest.mark.parametrize("value", [object(), "\ud800", {1: {2: object()}}])
def test_what_json_cannot_hold_is_refused_without_showing_it(value):
    with pytest.raises(SamRequestError, match="cannot be written as JSON") as refused:
        encode({"secret text": value})

    assert "secret text" not in str(refused.value)


def test_a_streamed_body_that_keeps_its_word_passes_unchanged():
    assert b"".join(counted(Pieces(5, b"ab", b"", b"cde"))) == b"abcde"


@pytest.mark.parametrize(("promised", "problem"), [(4, "more"), (6, "fewer")])
def test_a_streamed_body_that_breaks_its_word_never_gives_as_many_bytes_as_it_promised(promised, problem):
    given = []

    with pytest.raises(SamRequestError, match=f"{problem} bytes than its content_length of {promised}"):
        given.extend(counted(Pieces(promised, b"ab", b"cd", b"e")))

    assert len(b"".join(given)) < promised

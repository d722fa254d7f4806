"""An answer that drips, or never begins, is given up in time, however short each wait for its next bytes is."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.servers import RawServer, certificate, http

MODELS = b'{"data": [], "has_more": false}'
WHOLE = http(MODELS)
FIRST_PAGE = json.dumps(
    {
        "data": [{"id": "m", "type": "model", "display_name": "", "created_at": "2025-01-01T00:00:00Z"}],
        "has_more": True,
        "last_id": "m",
    }
).encode()
MESSAGE = {"model": "m", "max_tokens": 5, "messages": []}

HEAD = b"HTTP/1.1 200 OK\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
LONG = b"content-length: 1000000\r\n\r\n"
JSON = b"content-type: application/json\r\n"


class Dripping:
    """Sends what it begins with, then a small piece again and again for half a minute, and a whole answer at last."""

    def __init__(self, *begins, piece, pause=0.02, then=WHOLE):
        self._begins, self._piece, self._pause, self._then = begins, piece, pause, then
        self.came_to_its_end = False

    def __iter__(self):
        yield from self._begins
        until = time.monotonic() + 30
        while time.monotonic() < until:
            yield self._piece
            time.sleep(self._pause)
        self.came_to_its_end = True
        yield self._then


@pytest.fixture
def gives_up(call):
    """Makes a call that is given up long before the answer has come to its end, and gives the error."""

    def against(server, answer, method="list_models", *args, **more):
        usual = {"base_url": server.url, "api_key": "k", "read_timeout": 0.5, "max_retries": 0}
        settings = ClientSettings(**usual | more)
        with server, pytest.raises(errors.SamError) as failed:
            call(settings, method, *args)
        assert not answer.came_to_its_end
        return failed.value

    return against


@pytest.mark.parametrize(
    ("begins", "more"),
    [
        ([], {"piece": b"x"}),
        ([HEAD, b"x-slow: "], {"piece": b"x", "then": b"\r\n" + WHOLE.partition(b"\r\n")[2]}),
        ([], {"piece": HINTS}),
        ([], {"piece": HINTS, "pause": 0}),
        ([HEAD, LONG], {"piece": b" ", "then": MODELS}),
        ([b"HTTP/1.1 400 Bad Request\r\n", LONG], {"piece": b" ", "then": MODELS}),
    ],
    ids=["status", "header", "hints", "flood of hints", "body", "error"],
)
def test_an_answer_that_drips_is_given_up_in_time(gives_up, begins, more):
    answer = Dripping(*begins, **more)

    error = gives_up(RawServer(iter(answer)), answer)

    assert type(error) is errors.SamTimeoutError
    assert "no answer, or no more of it, from 127.0.0.1" in str(error)
    assert "within 0.5 s" in str(error)


def test_the_head_of_a_stream_that_drips_is_given_up_too(gives_up):
    answer = Dripping(HEAD, b"x-slow: ", piece=b"x")

    assert type(gives_up(RawServer(iter(answer)), answer, "stream_message", MESSAGE)) is errors.SamTimeoutError


def test_one_document_in_place_of_a_stream_that_drips_is_given_up_too(gives_up):
    answer = Dripping(HEAD, JSON, LONG, piece=b" ")

    assert type(gives_up(RawServer(iter(answer)), answer, "stream_message", MESSAGE)) is errors.SamTimeoutError


def test_a_create_whose_answer_drips_may_have_created_a_batch(gives_up):
    answer = Dripping(piece=HINTS)
    batch = [{"custom_id": "a", "params": MESSAGE}]

    assert type(gives_up(RawServer(iter(answer)), answer, "create_batch", batch)) is errors.SamAmbiguousSubmitError


def test_an_answer_that_drips_through_tls_is_given_up_too(gives_up, tmp_path):
    bundle, context = certificate(tmp_path)
    answer = Dripping(HEAD, b"x-slow: ", piece=b"x")

    error = gives_up(RawServer(iter(answer), tls=context), answer, ca_bundle=str(bundle))

    assert type(error) is errors.SamTimeoutError


def test_a_proxy_whose_answer_drips_is_given_up_too(gives_up):
    answer = Dripping(HEAD, b"x-slow: ", piece=b"x")
    proxy = RawServer(iter(answer))

    error = gives_up(proxy, answer, base_url="https://sam.invalid", proxy=proxy.url)

    assert type(error) is errors.SamTimeoutError


def test_a_later_answer_of_the_same_connection_is_given_up_too(gives_up):
    first = http(FIRST_PAGE).replace(b"connection: close", b"connection: keep-alive")
    answer = Dripping(HEAD, b"x-slow: ", piece=b"x")
    server = RawServer(HINTS + first, iter(answer), keeps=True)

    error = gives_up(server, answer, "iter_models", read_timeout=3)

    assert type(error) is errors.SamTimeoutError
    assert len(server.requests) == 2

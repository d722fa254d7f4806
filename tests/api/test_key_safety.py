"""The API key goes to the connection's own host, and into nothing that a person or a log sees."""

from __future__ import annotations

import base64
import json
import traceback

import httpx
import pytest

from airflow_provider_sam.api.errors import (
    SamConnectError,
    SamError,
    SamInvalidRequestError,
    SamPermissionError,
    SamRedirectError,
    SamServerError,
    SamStatusError,
)
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.servers import RawServer, closed_port, http

KEY = "sk-key-safety-test"
MODELS = b'{"data": [], "has_more": false}'


def test_a_foreign_results_url_is_never_requested(call, settings, requests):
    with RawServer() as elsewhere:
        foreign = f"{elsewhere.url}/v1/messages/batches/x/results"
        batch = call(settings, "create_batch", requests)
        seen = call(settings, "get_batch", batch.id).model_copy(update={"results_url": foreign})
        results = call(settings, "iter_results", seen.id)

    assert len(results) == 5
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_an_error_and_the_key_never_reaches_its_target(call, status):
    with RawServer(http()) as elsewhere, RawServer(http(status=status, location=f"{elsewhere.url}/v1/models")) as api:
        settings = ClientSettings(base_url=api.url, api_key=KEY)
        with pytest.raises(SamRedirectError, match=r"a redirect to 127\.0\.0\.1") as refused:
            call(settings, "list_models")

    assert elsewhere.requests == []
    assert KEY.encode() in api.requests[0]
    assert KEY not in str(refused.value)


def test_credentials_for_the_host_in_a_netrc_are_not_sent(call, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer(http(MODELS)) as server:
        call(ClientSettings(base_url=server.url, api_key=KEY), "list_models")

    assert b"authorization" not in server.requests[0].lower()
    assert f"x-api-key: {KEY}".encode() in server.requests[0].lower()


def test_a_proxy_that_shows_the_request_it_refuses_does_not_get_the_key_into_the_error(call):
    shown = f"You sent: GET / x-api-key: {KEY}".encode()
    answer = http(shown, status="403 Forbidden", content_type="text/plain")
    with RawServer(answer) as server, pytest.raises(SamPermissionError, match=r"x-api-key: \*\*\*") as refused:
        call(ClientSettings(base_url=server.url, api_key=KEY), "list_models")

    assert KEY not in "".join(traceback.format_exception(refused.value))


SPELLINGS = [
    KEY,
    "".join(f"\\u00{ord(character):02x}" for character in KEY),
    "".join(f"\\u00{ord(character):02X}" for character in KEY),
    KEY.replace("-", "%2D"),
    KEY.replace("-", "\\-"),
    *[base64.b64encode(before + KEY.encode() + b"!").decode() for before in (b"", b"a", b"ab", b"user:")],
    base64.urlsafe_b64encode(KEY.encode()).decode(),
]


@pytest.mark.parametrize("echo", SPELLINGS)
@pytest.mark.parametrize(
    "answer",
    [
        lambda echo: {"content": f"You sent: {echo}, did you?"},
        lambda echo: {
            "json": {"error": {"type": f"t {echo}", "message": f"m {echo}", "details": {"a": [{echo: echo}]}}}
        },
        lambda echo: {"json": {"error": {"message": "x" * 990 + echo}}},
        lambda echo: {"content": "x" * 190 + echo},
        lambda echo: {"headers": {"request-id": f"req {echo}"}},
    ],
    ids=["text", "envelope", "where the message is cut", "where the text is cut", "request id"],
)
def test_however_an_answer_spells_the_key_no_error_repeats_it(call, echo, answer):
    transport = httpx.MockTransport(lambda _: httpx.Response(400, **answer(echo)))
    with pytest.raises(SamInvalidRequestError) as refused:
        call(ClientSettings(base_url="http://sam.test", api_key=KEY), "list_models", transport=transport)

    shown = "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
    assert echo[:12] not in shown
    assert echo[5:17] not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "broken",
    [
        f"HTTP/1.1 {KEY}\r\n\r\n".encode(),
        http(status=f"200 {KEY}", content_encoding=KEY),
        http(b"<html>", content_type=f"text/{KEY}", request_id=KEY),
    ],
    ids=["status line", "encoding", "content type"],
)
def test_an_answer_that_cannot_be_read_does_not_get_the_key_into_the_error(call, broken):
    with RawServer(broken) as server, pytest.raises(SamError) as failed:
        call(ClientSettings(base_url=server.url, api_key=KEY, max_retries=0), "list_models")

    assert KEY not in "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))


def test_an_error_inside_a_stream_does_not_repeat_the_key(call):
    error = {"type": "error", "error": {"type": "api_error", "message": f"m {KEY}"}, "request_id": KEY}
    events = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    params = {"model": "m", "max_tokens": 5, "messages": []}
    answer = http(events, content_type="text/event-stream", request_id=KEY)
    with RawServer(answer) as server, pytest.raises(SamServerError, match=r"m \*\*\*") as failed:
        call(ClientSettings(base_url=server.url, api_key=KEY), "stream_message", params)

    assert KEY not in "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))


def test_texts_of_an_answer_are_one_short_line_in_an_error(call):
    words = "a\nb\x1b[31m\u202e\u2028\x85" + "x" * 5000
    body = {"error": {"type": words, "message": words}}
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json=body, headers={"request-id": "r\t" + "y" * 500}))
    with pytest.raises(SamInvalidRequestError) as refused:
        call(ClientSettings(base_url="http://sam.test", api_key=KEY), "list_models", transport=transport)

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1500
    assert refused.value.message.startswith("a b [31m   xxx")


def test_a_proxy_that_refuses_is_named_without_who_asked_it(call):
    reason = "me:sesame-street"
    shown = base64.b64encode(reason.encode()).decode()
    with RawServer(http(status=f"407 No {reason} {shown}")) as proxy:
        settings = ClientSettings(
            base_url="https://sam.invalid", api_key=KEY, proxy=proxy.url.replace("//", f"//{reason}@"), max_retries=0
        )
        with pytest.raises(SamConnectError, match=f"the proxy 127.0.0.1:{proxy.port} refused") as failed:
            call(settings, "list_models")

    text = "".join(traceback.format_exception(failed.value))
    assert "sesame" not in text
    assert shown not in text


def test_a_proxy_that_is_not_there_is_named(call):
    proxy = f"127.0.0.1:{closed_port()}"
    settings = ClientSettings(
        base_url="https://sam.invalid", api_key=KEY, proxy=f"http://me:sesame@{proxy}", max_retries=0
    )
    with pytest.raises(SamConnectError, match=f"no connection to sam.invalid through the proxy {proxy}: "):
        call(settings, "list_models")


def test_a_proxy_that_wants_to_know_who_asks_says_where_to_write_it(call):
    said = "write user and password into the URL of proxy"
    with RawServer(http(status="407 Who are you")) as proxy, pytest.raises(SamStatusError, match=said):
        call(ClientSettings(base_url="http://sam.invalid", api_key=KEY, proxy=proxy.url), "list_models")

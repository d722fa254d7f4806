"""What lies between us and the API, seen over real sockets: no connection, no trust, proxies, and answers of others."""

from __future__ import annotations

import gzip
import subprocess
import traceback

import httpx
import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.client import AsyncSamClient, SamClient
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.servers import RawServer, certificate, closed_port, http

KEY = "sk-wire-test"
MESSAGE = {"model": "m", "max_tokens": 5, "messages": []}
BATCH = [{"custom_id": "a", "params": MESSAGE}]
MODELS = b'{"data": [], "has_more": false}'


def settings(base_url, **more):
    return ClientSettings(base_url=base_url, api_key=KEY, **{"max_retries": 1, **more})


@pytest.fixture
def fails(call, patience):
    """Makes a call that fails, and gives the error and the number of repeats."""

    def attempt(base_url, method="list_models", *args, transport=None, **more):
        with pytest.raises(errors.SamError) as failed:
            call(settings(base_url, **more), method, *args, transport=transport)
        shown = "".join(traceback.format_exception(failed.value))
        assert KEY not in shown
        return failed.value, len(patience.waits)

    return attempt


@pytest.mark.parametrize("method", ["list_models", "create_batch", "create_message"])
def test_a_refused_connection_is_tried_again_whatever_was_to_be_sent(fails, method):
    arguments = {"create_batch": [BATCH], "create_message": [MESSAGE]}.get(method, [])
    port = closed_port()

    error, repeats = fails(f"http://127.0.0.1:{port}", method, *arguments)

    assert type(error) is errors.SamConnectError
    assert (error.attempts, repeats) == (2, 1)
    assert f"no connection to 127.0.0.1:{port}" in str(error)
    assert "Nothing was sent" in str(error)


def test_a_name_that_does_not_exist_is_no_connection(fails):
    error, _ = fails("http://sam.invalid")

    assert type(error) is errors.SamConnectError
    assert "no connection to sam.invalid" in str(error)


@pytest.mark.parametrize(
    ("raised", "cls", "said"),
    [
        (httpx.ConnectTimeout(""), errors.SamConnectError, "no connection to sam.test within 10 s"),
        (httpx.PoolTimeout(""), errors.SamConnectError, "all connections of this client stayed in use"),
        (
            httpx.ProxyError("403 Forbidden"),
            errors.SamConnectError,
            "the proxy of the environment refused to make it: 403 Forbidden",
        ),
        (httpx.WriteTimeout(""), errors.SamTimeoutError, "sam.test took no bytes for 60 s"),
        (httpx.ReadTimeout(""), errors.SamTimeoutError, "no answer, or no more of it, from sam.test within 60 s"),
        (httpx.WriteError("Broken pipe"), errors.SamDisconnectedError, "connection to sam.test broke: Broken pipe"),
        (httpx.ReadError("reset"), errors.SamDisconnectedError, "connection to sam.test broke: reset"),
        (httpx.RemoteProtocolError("odd"), errors.SamDisconnectedError, "connection to sam.test broke: odd"),
        (httpx.DecodingError("gzip"), errors.SamResponseError, "the answer of sam.test cannot be read: gzip"),
    ],
)
def test_whatever_httpx_raises_becomes_the_error_that_says_the_same(fails, raised, cls, said):
    def send(_):
        raise raised

    error, _ = fails("http://sam.test", transport=httpx.MockTransport(send))

    assert type(error) is cls
    assert said in str(error)


@pytest.fixture
def tls(tmp_path):
    """A certificate's PEM file, and the context of a server that has it."""
    return certificate(tmp_path)


def test_a_certificate_that_nobody_vouches_for_is_told_apart_and_not_tried_again(fails, tls):
    with RawServer(http(MODELS), tls=tls[1]) as server:
        error, repeats = fails(server.url)

    assert type(error) is errors.SamTLSError
    assert (repeats, server.requests) == (0, [])
    assert "certificate verify failed" in str(error)
    assert "ca_bundle" in str(error)


def test_a_host_that_speaks_no_tls_is_told_apart(fails):
    with RawServer(b"SSH-2.0-OpenSSH_9.6\r\n", greets=True) as server:
        error, _ = fails(server.url.replace("http:", "https:"))

    assert type(error) is errors.SamTLSError
    assert server.requests == []


@pytest.mark.parametrize("place", ["file", "directory"])
def test_the_ca_bundle_of_the_connection_makes_a_certificate_trusted(call, tls, tmp_path, place):
    bundle, context = tls
    if place == "directory":
        directory = tmp_path / "trusted"
        directory.mkdir()
        hashed = subprocess.run(
            ["openssl", "x509", "-noout", "-hash", "-in", bundle],  # noqa: S607  # wherever it is
            capture_output=True,
            text=True,
            check=True,
        )
        (directory / f"{hashed.stdout.strip()}.0").write_bytes(bundle.read_bytes())
        bundle = directory
    with RawServer(http(MODELS), tls=context) as server:
        assert call(settings(server.url, ca_bundle=str(bundle)), "list_models").data == []


@pytest.mark.parametrize("client", [SamClient, AsyncSamClient])
def test_a_ca_bundle_that_cannot_be_read_is_an_error_before_anything_is_sent(client, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")

    for bundle in (tmp_path / "missing.pem", empty):
        with pytest.raises(errors.SamRequestError, match="cannot be read as PEM certificates"):
            client(settings("https://sam.test", ca_bundle=str(bundle)))


@pytest.mark.parametrize("client", [SamClient, AsyncSamClient])
@pytest.mark.parametrize("urls", [{"base_url": "http://ä..b"}, {"base_url": "http://sam.test", "proxy": "http://ä..b"}])
def test_a_host_whose_name_cannot_be_one_is_an_error_before_anything_is_sent(client, urls):
    with pytest.raises(errors.SamRequestError, match=r"no client can be made with .*: Invalid IDNA hostname: 'ä\.\.b'"):
        client(settings(**urls))


def test_requests_go_through_the_proxy_of_the_connection(call):
    with RawServer(http(MODELS)) as proxy:
        call(settings("http://sam.invalid/gateway", proxy=proxy.url), "list_models")

    assert proxy.requests[0].startswith(b"GET http://sam.invalid/gateway/v1/models HTTP/1.1")


def test_without_one_the_proxy_of_the_environment_holds(call, monkeypatch):
    with RawServer(http(MODELS), http(MODELS)) as ours, RawServer(http(MODELS)) as other:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        call(settings("http://sam.invalid"), "list_models")
        call(settings("http://sam.invalid", proxy=ours.url), "list_models")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        call(settings(ours.url), "list_models")

    assert [len(other.requests), len(ours.requests)] == [1, 2]


def test_a_proxy_that_refuses_to_connect_has_sent_nothing(fails):
    with RawServer(*[http(status="407 Proxy Authentication Required")] * 2) as proxy:
        error, _ = fails("https://sam.invalid", "create_batch", BATCH, proxy=proxy.url)

    assert type(error) is errors.SamConnectError
    assert "407" in str(error)
    assert KEY.encode() not in b"".join(proxy.requests)


@pytest.mark.parametrize(
    ("answer", "cls", "said"),
    [
        (http(b"<html>Log in</html>", content_type="text/html"), errors.SamResponseError, "19 bytes of text/html"),
        (http(b""), errors.SamResponseError, "0 bytes of application/json are not the answer: not a ModelPage"),
        (
            http(b'{"data": 5}'),
            errors.SamResponseError,
            "data: Input should be a valid array; has_more: Field required",
        ),
        (http(b"nonsense", content_encoding="gzip"), errors.SamResponseError, "cannot be read"),
        (http(b"{}")[:-1], errors.SamDisconnectedError, "broke"),
        (b"", errors.SamDisconnectedError, "broke"),
        (b"HTTP/1.1 200", errors.SamDisconnectedError, "broke"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", errors.SamDisconnectedError, "broke"),
        (http(b"{}", status="502 Bad Gateway")[:-1], errors.SamDisconnectedError, "broke"),
        (http(status="502 Bad Gateway"), errors.SamServerError, "answered 502: an empty body"),
        (
            http(b"<h1>Busy</h1>", status="503 Busy", content_type="text/html"),
            errors.SamServerError,
            "13 bytes of text/html, probably from a proxy: 'Busy'",
        ),
    ],
)
def test_an_answer_that_is_not_the_apis_is_told_apart(fails, answer, cls, said):
    with RawServer(answer, answer) as server:
        error, _ = fails(server.url)

    assert type(error) is cls
    assert said in str(error)


@pytest.mark.parametrize("answer", [http(b"<html>", content_type="text/html"), http(b"{}")[:-1], b""])
def test_an_answer_that_is_not_the_apis_leaves_open_whether_a_batch_was_created(fails, answer):
    with RawServer(answer) as server:
        error, repeats = fails(server.url, "create_batch", BATCH)

    assert type(error) is errors.SamAmbiguousSubmitError
    assert (repeats, len(server.requests)) == (0, 1)


def test_a_compressed_answer_is_read(call):
    with RawServer(http(gzip.compress(MODELS), content_encoding="gzip")) as server:
        assert call(settings(server.url), "list_models").data == []


def test_a_gateway_may_have_a_path_of_its_own(call):
    with RawServer(http(MODELS), http(MODELS)) as server:
        call(settings(f"{server.url}/llm/sam"), "list_models")
        call(settings(f"{server.url}/llm/sam/"), "list_models", betas=[])

    paths = [request.split()[1] for request in server.requests]
    assert paths == [b"/llm/sam/v1/models", b"/llm/sam/v1/models?beta=true"]


def test_an_id_reaches_the_wire_escaped(call):
    answer = http(b'{"id": "m", "type": "model", "display_name": "", "created_at": "2025-01-01T00:00:00Z"}')
    with RawServer(answer) as server:
        call(settings(server.url), "get_model", "team:mödel")

    assert server.requests[0].startswith(b"GET /v1/models/team%3Am%C3%B6del HTTP/1.1")


def test_the_authorities_are_read_once_a_process():
    with SamClient(settings("https://sam.test")) as first, SamClient(settings("https://sam.test")) as second:
        contexts = [client._driver._http._transport._pool._ssl_context for client in (first, second)]

    assert contexts[0] is contexts[1]

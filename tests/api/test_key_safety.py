"""The API key goes to the connection's own host, and into nothing that a person or a log sees."""

from __future__ import annotations

import traceback

import pytest

from airflow_provider_sam.api.errors import SamPermissionError, SamRedirectError
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.servers import RawServer, http

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

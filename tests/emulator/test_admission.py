"""Every call is checked for route, key, version and body, and refused in the contract's shape."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_sam.emulator import SamEmulator
from airflow_provider_sam.emulator.contract import operations, violation
from airflow_provider_sam.emulator.limits import Limits
from tests.emulator.conftest import client_of

COMPUTER = {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "display_height_px": 9}
JSON = {"content-type": "application/json"}


def refusal(answer):
    """Status and error of an answer that has the shape of the contract's error envelope."""
    body = answer.json()
    assert violation("ErrorEnvelope", body) is None
    assert body["request_id"] == answer.headers["request-id"]
    return answer.status_code, body["error"]["type"], body["error"]["message"]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
@pytest.mark.parametrize(
    ("headers", "status", "error_type"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"anthropic-version": "2023-06-01", "x-api-key": "wrong"}, 401, "authentication_error"),
        ({"x-api-key": "right"}, 400, "invalid_request_error"),
        ({"x-api-key": "right", "anthropic-version": "2020-01-01"}, 400, "invalid_request_error"),
    ],
)
def test_each_operation_asks_for_key_and_version(sam_emulator, operation, headers, status, error_type):
    if headers.get("x-api-key") == "right":
        headers = {**headers, "x-api-key": sam_emulator.api_key}
    answer = httpx.request(operation.method, sam_emulator.url + operation.path, headers=headers)
    assert refusal(answer)[:2] == (status, error_type)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/message", 404),
        ("GET", "/v1/models/", 404),
        ("GET", "/v1/models/a/b", 404),
        ("GET", "/v1/models/a%2Fb", 404),
        ("GET", "/v1/models/sam-huge", 404),
        ("GET", "/v1/messages/batches/msgbatch_0", 404),
        ("GET", "/v1/messages", 405),
        ("DELETE", "/v1/messages/batches", 405),
        ("PUT", "/v1/models/sam-small", 405),
    ],
)
def test_what_is_not_there_is_refused(client, method, path, status):
    assert refusal(client.request(method, path))[0] == status


def test_a_wrong_method_is_told_the_right_ones(client):
    assert client.put("/v1/messages/batches").headers["allow"] == "POST, GET"


@pytest.mark.parametrize(
    ("content", "headers", "message"),
    [
        (b"{}", {}, "content-type: must be application/json"),
        (b"{}", {"content-type": "text/plain"}, "content-type: must be application/json"),
        (b"", JSON, "not valid JSON"),
        (b"{", JSON, "not valid JSON"),
        (b'{"a": "\xff"}', JSON, "not valid JSON"),
        (b"[" * 100_000, JSON, "nested too deep"),
        (b"{}", JSON, "is a required property"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/complete"])
def test_a_body_that_is_no_json_or_has_another_shape_is_refused(client, path, content, headers, message):
    status, error_type, text = refusal(client.post(path, content=content, headers=headers))
    assert (status, error_type) == (400, "invalid_request_error")
    assert message in text


def test_a_beta_tool_is_let_in_by_the_beta_route_alone(client, params):
    body = {**params, "tools": [COMPUTER]}
    assert refusal(client.post("/v1/messages", json=body))[:2] == (400, "invalid_request_error")
    beta = client.post("/v1/messages?beta=true", json=body, headers={"anthropic-beta": "computer-use-2025-01-24"})
    assert beta.json()["content"][0]["input"] == {"action": "screenshot"}
    assert refusal(client.post("/v1/messages?beta=yes", json=body))[2] == "beta: must be 'true' or left out"


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/batches"])
def test_a_body_over_the_limit_is_413_whether_it_says_so_or_not(path, declared):
    body = b" " * 3000
    content = body if declared else iter([body[:1500], body[1500:]])
    with SamEmulator(limits=Limits(body_bytes=2000, batch_bytes=2000)) as emulator, client_of(emulator) as client:
        assert refusal(client.post(path, content=content, headers=JSON))[:2] == (413, "request_too_large")


def test_a_limit_on_requests_is_429_with_retry_after_for_its_group_of_routes():
    with SamEmulator(limits=Limits(requests_per_minute=2)) as emulator, client_of(emulator) as client:
        answers = [client.get("/v1/messages/batches") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["anthropic-ratelimit-requests-remaining"] for answer in answers] == ["1", "0", "0"]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 60
        assert client.get("/v1/models").status_code == 200


def test_each_answer_tells_of_its_rate_limits(client):
    headers = client.get("/v1/models").headers
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        assert int(headers[f"anthropic-ratelimit-{kind}-limit"]) >= int(
            headers[f"anthropic-ratelimit-{kind}-remaining"]
        )
        assert headers[f"anthropic-ratelimit-{kind}-reset"].endswith("Z")

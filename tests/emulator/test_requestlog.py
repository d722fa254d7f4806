"""The log tells what was asked and how it was answered, and never holds a key."""

from __future__ import annotations

from dataclasses import replace

import httpx

from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.emulator.requestlog import KEPT_BODY, RequestLog


def test_a_record_tells_what_was_asked_and_answered(sam_emulator, client, params):
    answer = client.post("/v1/messages?beta=true", json=params, headers={"anthropic-beta": "a,b"})
    (record,) = sam_emulator.requests
    assert (record.operation, record.method, record.path) == ("messages_create", "POST", "/v1/messages")
    assert record.query == {"beta": "true"}
    assert record.headers["anthropic-beta"] == "a,b"
    assert (record.status, record.request_id) == (200, answer.headers["request-id"])
    assert record.body == answer.request.content
    assert (record.body_bytes, record.answer_bytes) == (len(record.body), len(answer.content))


def test_no_key_is_kept_but_that_there_was_one(sam_emulator, client):
    client.get("/v1/models", headers={"authorization": "Bearer t0ken"})
    httpx.get(f"{sam_emulator.url}/v1/models")
    with_key, without = sam_emulator.requests
    assert (with_key.has_key, without.has_key) == (True, False)
    assert sam_emulator.api_key not in repr(sam_emulator.requests) + repr(sam_emulator)
    assert "t0ken" not in repr(with_key)


def test_a_large_body_is_counted_and_kept_in_part(sam_emulator, client, params):
    params["messages"][0]["content"] = "x" * 100_000
    client.post("/v1/messages", json=params)
    (record,) = sam_emulator.requests
    assert record.body_bytes > 100_000
    assert len(record.body) == KEPT_BODY


def test_requests_are_counted_by_operation_whatever_they_were_answered(sam_emulator, client):
    client.get("/v1/models")
    client.get("/v1/models?limit=0")
    client.get("/nowhere")
    assert sam_emulator.counts == {"models_list": 2}
    assert sam_emulator.count("models_list", status=400) == 1
    assert sam_emulator.count("messages_create") == sam_emulator.counts["messages_create"] == 0
    assert [record.operation for record in sam_emulator.requests] == ["models_list", "models_list", None]


def test_the_log_forgets_the_oldest_records_and_no_count(sam_emulator, client, params):
    sam_emulator.faults.add(Fault(Status(529), operation="messages_create"))
    log = RequestLog(kept=1_000_000)
    client.post("/v1/messages", json=params)
    client.get("/v1/models")
    first, second = sam_emulator.requests
    log.add(first)
    for _ in range(2000):
        log.add(replace(second, body=b"x" * 1000))
    assert sum(record.size for record in log.all()) <= 1_000_000 + 64 * second.size + 64_000
    assert first not in log.all()
    assert log.counts() == {"messages_create": 1, "models_list": 2000}
    assert (log.count("messages_create", 529), log.count("messages_create", 200), log.count("models_list")) == (
        1,
        0,
        2000,
    )
    log.clear()
    assert log.counts() == {}

"""Batches over HTTP live as the contract says: created, looked at, listed, canceled, ended, deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_sam.emulator import AfterLooks, AfterSeconds, OnDemand, SamEmulator
from airflow_provider_sam.emulator.contract import violation
from airflow_provider_sam.emulator.limits import Limits
from tests.emulator.conftest import client_of
from tests.emulator.test_admission import refusal

BATCHES = "/v1/messages/batches"
JSON = {"content-type": "application/json"}


class Clock:
    """A time that a test moves."""

    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


def create(client, body):
    return client.post(BATCHES, json=body).json()["id"]


def results(client, batch_id):
    answer = client.get(f"{BATCHES}/{batch_id}/results")
    assert answer.headers["content-type"] == "application/x-jsonl", answer.text
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [violation("BatchResultLine", line) for line in lines] == [None] * len(lines)
    return {line["custom_id"]: line["result"] for line in lines}


def tally(found):
    types = [result["type"] for result in found.values()]
    return {name: types.count(name) for name in ("succeeded", "errored", "canceled", "expired")} | {"processing": 0}


@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_a_new_batch_is_in_progress_and_all_its_requests_are_processing(client, batch_body, query):
    batch = client.post(f"{BATCHES}{query}", json=batch_body, headers={"anthropic-beta": "a, b"}).json()
    assert violation("MessageBatch", batch) is None
    assert batch["processing_status"] == "in_progress"
    assert batch["request_counts"] == {"processing": 6, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    created, expires = (datetime.fromisoformat(batch[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(hours=24)
    assert [batch[name] for name in ("ended_at", "archived_at", "cancel_initiated_at", "results_url")] == [None] * 4


def test_an_ended_batch_has_results_one_a_request_and_counts_that_agree(client, batch, sam_emulator):
    assert refusal(client.get(f"{BATCHES}/{batch['id']}/results"))[0] == 404
    ended = client.get(f"{BATCHES}/{batch['id']}").json()
    assert violation("MessageBatch", ended) is None
    assert ended["processing_status"] == "ended"
    assert ended["results_url"] == f"{sam_emulator.url}{BATCHES}/{batch['id']}/results"
    found = results(client, batch["id"])
    assert set(found) == {f"row-{number}" for number in range(6)}
    assert tally(found) == ended["request_counts"]


def test_results_come_in_another_order_than_the_requests_and_always_in_the_same(client, batch):
    client.get(f"{BATCHES}/{batch['id']}")
    first, second = (client.get(f"{BATCHES}/{batch['id']}/results").content for _ in range(2))
    assert first == second
    assert [json.loads(line)["custom_id"] for line in first.splitlines()] != [f"row-{number}" for number in range(6)]


def test_bad_params_do_not_fail_the_create_call_but_come_back_as_an_errored_line(client, params):
    bad = {**params, "max_tokens": "many"}
    huge = '{"custom_id": "huge", "params": {"max_tokens": 1e400}}'
    body = f'{{"requests": [{json.dumps({"custom_id": "bad", "params": bad})}, {huge}]}}'
    batch_id = client.post(BATCHES, content=body, headers=JSON).json()["id"]
    assert client.get(f"{BATCHES}/{batch_id}").json()["request_counts"]["errored"] == 2
    found = results(client, batch_id)
    errors = {name: result["error"]["error"] for name, result in found.items()}
    assert {error["type"] for error in errors.values()} == {"invalid_request_error"}
    assert errors["bad"]["message"].startswith("max_tokens: ")
    assert errors["huge"]["message"].startswith("params: Number out of range")


def test_a_beta_batch_takes_beta_tools_and_a_plain_one_does_not(client, params):
    tool = {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "display_height_px": 9}
    body = {"requests": [{"custom_id": "a", "params": {**params, "tools": [tool]}}]}
    for query, outcome in (("", "errored"), ("?beta=true", "succeeded")):
        batch_id = client.post(f"{BATCHES}{query}", json=body).json()["id"]
        client.get(f"{BATCHES}/{batch_id}")
        assert results(client, batch_id)["a"]["type"] == outcome


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"[]", "Expected `object`"),
        (b"{}", "requests"),
        (b'{"requests": []}', "length >= 1"),
        (b'{"requests": {}}', "$.requests"),
        (b'{"requests": [{"params": {}}]}', "custom_id"),
        (b'{"requests": [{"custom_id": "a b", "params": {}}]}', "custom_id"),
        (b'{"requests": [{"custom_id": "a\\n", "params": {}}]}', "custom_id"),
        (b'{"requests": [{"custom_id": "%s", "params": {}}]}' % (b"a" * 65), "custom_id"),
        (b'{"requests": [{"custom_id": "a"}]}', "params"),
        (b'{"requests": [{"custom_id": "a", "params": 1}]}', "requests.0.params: must be an object"),
        (b'{"requests": [{"custom_id": "a", "params": {"x": "\xff"}}]}', "requests.0.params: not valid UTF-8"),
        (b'{"requests": [{"custom_id": "a", "params": {"stream": true}}]}', "requests.0.params.stream"),
        (b'{"requests": [{"custom_id": "a", "params": {}}, {"custom_id": "a", "params": {}}]}', "more than once"),
        (b'{"requests": [{"custom_id": "a", "params": {}}', "not valid JSON"),
        (b'{"requests": [{"custom_id": "a", "params": %s' % (b"[" * 100_000), "nested too deep"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_and_leaves_nothing(client, sam_emulator, body, message):
    status, error_type, text = refusal(client.post(BATCHES, content=body, headers=JSON))
    assert (status, error_type) == (400, "invalid_request_error")
    assert message in text
    assert sam_emulator.batches == ()
    assert list((sam_emulator._store.root / "unfinished").iterdir()) == []


def test_more_requests_than_the_limit_are_refused(batch_body):
    with SamEmulator(limits=Limits(batch_requests=5)) as emulator, client_of(emulator) as client:
        assert "at most 5 requests, not 6" in refusal(client.post(BATCHES, json=batch_body))[2]


def test_a_batch_ends_after_a_number_of_looks_of_either_kind(batch_body):
    with SamEmulator(progress=AfterLooks(3)) as emulator, client_of(emulator) as client:
        batch_id = create(client, batch_body)
        statuses = [
            client.get(f"{BATCHES}/{batch_id}").json()["processing_status"],
            client.get(BATCHES).json()["data"][0]["processing_status"],
            client.get(f"{BATCHES}/{batch_id}").json()["processing_status"],
        ]
        assert statuses == ["in_progress", "in_progress", "ended"]


def test_a_batch_ends_after_its_time_and_expires_and_is_archived_after_theirs(batch_body):
    clock = Clock()
    with SamEmulator(progress=AfterSeconds(60), clock=clock) as emulator, client_of(emulator) as client:
        batch_id = create(client, batch_body)
        assert client.get(f"{BATCHES}/{batch_id}").json()["processing_status"] == "in_progress"
        clock.now += timedelta(seconds=60)
        assert client.get(f"{BATCHES}/{batch_id}").json()["processing_status"] == "ended"
        clock.now += timedelta(days=29)
        archived = client.get(f"{BATCHES}/{batch_id}").json()
        assert archived["archived_at"] == "2026-01-30T00:00:00.000000Z"
        assert archived["results_url"] is None
        assert refusal(client.get(f"{BATCHES}/{batch_id}/results"))[0] == 404
        assert [each["id"] for each in client.get(BATCHES).json()["data"]] == [batch_id]


def test_what_has_not_run_after_a_day_comes_back_as_expired(batch_body):
    clock = Clock()
    with SamEmulator(progress=OnDemand(), clock=clock) as emulator, client_of(emulator) as client:
        batch_id = create(client, batch_body)
        clock.now += timedelta(hours=25)
        batch = client.get(f"{BATCHES}/{batch_id}").json()
        assert batch["request_counts"]["expired"] == 6
        assert batch["ended_at"] == batch["expires_at"]
        assert tally(results(client, batch_id)) == batch["request_counts"]


@pytest.mark.parametrize(("share", "canceled"), [(1.0, 6), (0.5, 4), (0.0, 0)])
def test_a_canceled_batch_is_canceling_and_then_ends_with_what_had_run(batch_body, share, canceled):
    with SamEmulator(progress=AfterLooks(9), canceled_share=share) as emulator, client_of(emulator) as client:
        batch_id = create(client, batch_body)
        canceling = client.post(f"{BATCHES}/{batch_id}/cancel").json()
        assert violation("MessageBatch", canceling) is None
        assert canceling["processing_status"] == "canceling"
        assert client.post(f"{BATCHES}/{batch_id}/cancel").json() == canceling
        ended = client.get(f"{BATCHES}/{batch_id}").json()
        assert ended["processing_status"] == "ended"
        assert ended["cancel_initiated_at"] == canceling["cancel_initiated_at"]
        assert ended["request_counts"]["canceled"] == canceled
        assert tally(results(client, batch_id)) == ended["request_counts"]
        assert refusal(client.post(f"{BATCHES}/{batch_id}/cancel"))[0] == 400


def test_a_batch_is_deleted_only_once_it_has_ended(client, batch):
    path = f"{BATCHES}/{batch['id']}"
    assert refusal(client.delete(path))[:2] == (400, "invalid_request_error")
    client.get(path)
    deleted = client.delete(path).json()
    assert violation("DeletedMessageBatch", deleted) is None
    assert deleted["id"] == batch["id"]
    assert refusal(client.delete(path))[0] == refusal(client.get(path))[0] == 404


def test_batches_are_listed_newest_first_in_pages_in_both_directions(client, batch_body):
    oldest, middle, newest = (create(client, batch_body) for _ in range(3))

    def page(**query):
        answer = client.get(BATCHES, params=query).json()
        assert violation("MessageBatchPage", answer) is None
        ids = [batch["id"] for batch in answer["data"]]
        assert (answer["first_id"], answer["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
        return ids, answer["has_more"]

    assert page() == ([newest, middle, oldest], False)
    assert page(limit=2) == ([newest, middle], True)
    assert page(limit=1, after_id=newest) == ([middle], True)
    assert page(limit=1, before_id=oldest) == ([middle], True)
    assert page(before_id=newest) == ([], False)


def test_times_of_creation_tell_the_order_even_if_the_clock_stands(batch_body):
    with SamEmulator(clock=Clock()) as emulator, client_of(emulator) as client:
        for _ in range(3):
            create(client, batch_body)
        created = [batch["created_at"] for batch in client.get(BATCHES).json()["data"]]
        assert created == sorted(set(created), reverse=True)


def test_results_ranges_are_honoured_only_where_asked_for(batch_body):
    for ranges in (False, True):
        with SamEmulator(results_ranges=ranges) as emulator, client_of(emulator) as client:
            batch_id = create(client, batch_body)
            client.get(BATCHES)
            path = f"{BATCHES}/{batch_id}/results"
            whole = client.get(path).content
            part = client.get(path, headers={"range": "bytes=700-"})
            if ranges:
                assert (part.status_code, part.content) == (206, whole[700:])
                assert part.headers["content-range"] == f"bytes 700-{len(whole) - 1}/{len(whole)}"
                assert refusal(client.get(path, headers={"range": f"bytes={len(whole)}-"}))[0] == 416
                assert client.get(path, headers={"range": "bytes=-5"}).content == whole
            else:
                assert (part.status_code, part.content) == (200, whole)


def test_results_tell_their_length_only_where_asked_for(batch_body):
    for told in (False, True):
        with SamEmulator(results_content_length=told) as emulator, client_of(emulator) as client:
            batch_id = create(client, batch_body)
            client.get(BATCHES)
            answer = client.get(f"{BATCHES}/{batch_id}/results")
            assert answer.headers.get("content-length") == (str(len(answer.content)) if told else None)


def test_the_results_url_may_name_another_server(batch_body):
    with SamEmulator(results_base_url="https://files.example.org") as emulator, client_of(emulator) as client:
        batch_id = create(client, batch_body)
        url = client.get(f"{BATCHES}/{batch_id}").json()["results_url"]
        assert url == f"https://files.example.org{BATCHES}/{batch_id}/results"


def test_answers_are_replayed_by_custom_id(sam_emulator, client, batch):
    sam_emulator.answers = {"row-1": "one", "row-2": {"stop_reason": "refusal", "content": []}}
    client.get(BATCHES)
    found = results_as_they_are(client, batch["id"])
    assert found["row-1"]["message"]["content"][0]["text"] == "one"
    assert found["row-2"]["message"]["stop_reason"] == "refusal"


def results_as_they_are(client, batch_id):
    text = client.get(f"{BATCHES}/{batch_id}/results").text
    return {line["custom_id"]: line["result"] for line in map(json.loads, text.splitlines())}

from __future__ import annotations

import inspect
import json
from dataclasses import replace

import httpx
import pytest

from airflow_provider_sam.api import errors, models
from airflow_provider_sam.api.client import AsyncSamClient, SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import AfterLooks, OnDemand
from tests.api.calling import Blocking, Patience

COUNT = {"model": "m", "messages": []}


def methods(client):
    """The public methods of a client and their arguments."""
    return {
        name: list(inspect.signature(member).parameters.items())
        for name, member in inspect.getmembers(client, callable)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments():
    blocking, awaiting = methods(SamClient), methods(AsyncSamClient)

    assert blocking.pop("close")
    assert awaiting.pop("aclose")
    assert blocking == awaiting
    assert set(blocking) == {
        *("create_message", "stream_message", "count_tokens", "create_completion", "stream_completion"),
        *("create_batch", "get_batch", "list_batches", "iter_batches", "cancel_batch", "delete_batch"),
        "list_batch_statuses",
        *("iter_results", "stream_results", "get_model", "list_models", "iter_models"),
    }


@pytest.mark.parametrize("client", [SamClient, AsyncSamClient])
def test_every_method_is_called_by_its_name_and_says_what_it_does(client):
    for name in methods(client):
        method = getattr(client, name)
        assert method.__name__ == name
        assert len(inspect.getdoc(method)) > 10


@pytest.mark.parametrize("client", [SamClient, AsyncSamClient])
def test_the_repr_of_a_client_shows_where_it_leads_and_no_key(client):
    made = client(ClientSettings(base_url="http://sam.test/gateway", api_key="sk-client-test"))

    assert repr(made) == f"{client.__name__}('http://sam.test/gateway')"


@pytest.fixture(params=[None, (), ("beta-1", "beta-2")], ids=["plain", "beta", "betas"])
def betas(request):
    """The plain route, the beta route, and the beta route with names."""
    return request.param


@pytest.fixture
def sent(sam_emulator, betas):
    """Checks that everything was sent by the route that the betas ask for."""

    def check(operation, *, names=True):
        records = [record for record in sam_emulator.requests if record.operation == operation]
        assert records
        for record in records:
            assert (record.query.get("beta") == "true") is (betas is not None)
            assert record.headers.get("anthropic-beta") == (",".join(betas) if betas and names else None)
            assert record.headers["anthropic-version"] == "2023-06-01"
        return records

    return check


def test_a_message_is_created(call, settings, params, betas, sent):
    message = call(settings, "create_message", params, betas=betas)

    assert isinstance(message, models.Message)
    assert message.text
    assert message.usage.output_tokens > 0
    assert json.loads(sent("messages_create")[0].body) == params


def test_a_message_is_streamed(call, settings, params, betas, sent):
    events, message = call(settings, "stream_message", params, betas=betas)

    assert [event.type for event in events][:2] == ["message_start", "content_block_start"]
    assert events[-1].type == "message_stop"
    assert "".join(event.delta.text for event in events if event.type == "content_block_delta") == message.text != ""
    assert json.loads(sent("messages_create")[0].body) == {**params, "stream": True}


def test_tokens_are_counted(call, settings, params, betas, sent):
    del params["max_tokens"]

    assert call(settings, "count_tokens", params, betas=betas).input_tokens > 0
    assert sent("messages_count_tokens")


def test_a_batch_goes_from_its_creation_to_its_deletion(call, settings, requests, betas, sent, sam_emulator):
    sam_emulator.progress = AfterLooks(2)

    created = call(settings, "create_batch", requests, betas=betas)
    seen = [call(settings, "get_batch", created.id, betas=betas) for _ in range(3)]
    results = call(settings, "iter_results", created.id, betas=betas)
    deleted = call(settings, "delete_batch", created.id, betas=betas)

    assert (created.processing_status, created.total, created.is_terminal) == ("in_progress", 5, False)
    assert (seen[-1].is_terminal, seen[-1].request_counts.succeeded) == (True, 5)
    assert sorted(line.custom_id for line in results) == [request["custom_id"] for request in requests]
    assert all(line.result.message.text for line in results)
    assert (deleted.id, deleted.type) == (created.id, "message_batch_deleted")
    for operation in ("create", "retrieve", "results", "delete"):
        assert sent(f"messages_batches_{operation}")


def test_a_batch_is_canceled_as_often_as_one_likes(call, settings, requests, betas, sent, sam_emulator):
    sam_emulator.progress = OnDemand()
    batch = call(settings, "create_batch", requests, betas=betas)

    canceled = [call(settings, "cancel_batch", batch.id, betas=betas) for _ in range(2)]

    assert all(one.cancel_initiated_at is not None for one in canceled)
    assert len(sent("messages_batches_cancel")) == 2


def test_a_streamed_body_arrives_as_it_is_with_its_length(call, settings, requests, sam_emulator):
    whole = json.dumps({"requests": requests}).encode()

    class Body:
        content_length = len(whole)

        def __iter__(self):
            return (whole[start : start + 7] for start in range(0, len(whole), 7))

    batch = call(settings, "create_batch", Body())

    record = sam_emulator.requests[0]
    assert batch.total == 5
    assert record.body == whole
    assert record.headers["content-length"] == str(len(whole))
    assert "transfer-encoding" not in record.headers


@pytest.fixture
def batches(settings, requests):
    """The ids of five batches, newest first."""
    create = Blocking(Patience())
    return [create(settings, "create_batch", requests[:1]).id for _ in range(5)][::-1]


def test_a_page_of_batches_is_listed(call, settings, batches, betas, sent):
    page = call(settings, "list_batches", limit=2, after_id=batches[0], betas=betas)

    assert [batch.id for batch in page.data] == batches[1:3]
    assert (page.has_more, page.first_id, page.last_id) == (True, batches[1], batches[2])
    assert sent("messages_batches_list")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"after_id": 1}, [2, 3, 4]),
        ({"before_id": 3}, [2, 1, 0]),
        ({"after_id": 4}, []),
        ({"before_id": 0}, []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5, None])
def test_batches_are_walked_in_both_directions(call, settings, batches, start, expected, limit):
    start = {name: batches[index] for name, index in start.items()}

    walked = call(settings, "iter_batches", limit=limit, **start)

    assert [batch.id for batch in walked] == [batches[index] for index in expected]


def test_a_walk_asks_for_a_page_only_when_it_gets_there(settings, batches, sam_emulator):
    with SamClient(settings) as client:
        walk = client.iter_batches(limit=2)
        assert sam_emulator.count("messages_batches_list") == 0
        first_three = [next(walk).id for _ in range(3)]

    assert first_three == batches[:3]
    assert sam_emulator.count("messages_batches_list") == 2


def test_models_are_listed_walked_and_looked_up(call, settings, betas, sent):
    betas = betas and ()  # models take no names
    page = call(settings, "list_models", limit=1, betas=betas)
    walked = call(settings, "iter_models", limit=1, betas=betas)
    model = call(settings, "get_model", walked[-1].id, betas=betas)

    assert page.data == walked[:1]
    assert len(walked) > 1
    assert model == walked[-1]
    assert sent("models_list", names=False)
    assert sent("models_retrieve", names=False)


COMPLETION = {"model": "sam-small", "prompt": "\n\nHuman: Hello.\n\nAssistant:", "max_tokens_to_sample": 20}


def test_a_completion_is_created(call, settings):
    completion = call(settings, "create_completion", COMPLETION)

    assert completion.completion
    assert completion.stop_reason


def test_a_completion_is_streamed(call, settings):
    events, completion = call(settings, "stream_completion", COMPLETION)

    assert "".join(event.completion for event in events if event.type == "completion") == completion.completion != ""
    assert completion.id


@pytest.mark.parametrize("deleted", [1, 2, 7])
def test_a_walk_goes_on_when_the_batch_at_which_a_page_ended_was_deleted(settings, requests, deleted):
    with SamClient(settings) as client:
        ids = [client.create_batch(requests[:1]).id for _ in range(7)]
        for batch_id in ids:
            client.get_batch(batch_id)  # the emulator ends a batch when it is looked at
        seen = []
        for batch in client.iter_batches(limit=2):
            seen.append(batch.id)
            if len(seen) <= deleted:
                client.delete_batch(batch.id)

    assert seen == ids[::-1]


def test_a_walk_whose_way_on_is_refused_for_good_ends_in_the_error(call, settings):
    moment = "2025-01-01T00:00:00Z"
    model = {"id": "m1", "type": "model", "display_name": "", "created_at": moment}
    page = {"data": [model], "has_more": True, "first_id": "m1", "last_id": "m1"}
    asked = []

    def answer(request):
        asked.append(str(request.url.query))
        return httpx.Response(400 if "after_id" in str(request.url) else 200, json=page)

    with pytest.raises(errors.SamInvalidRequestError):
        call(settings, "iter_models", transport=httpx.MockTransport(answer))
    assert len(asked) == 8


def test_what_an_answer_says_of_the_rate_limits_can_be_read_on_the_client(settings):
    told = {"anthropic-ratelimit-requests-remaining": "7", "anthropic-ratelimit-tokens-limit": "9" * 200, "x": "y"}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(429, headers=told, json={"error": {"type": "rate_limit_error", "message": "m"}})
    )
    with SamClient(replace(settings, max_retries=0), transport=transport) as client:
        assert client.rate_limits == {}
        with pytest.raises(errors.SamRateLimitError):
            client.list_models()
        assert client.rate_limits == {"requests-remaining": "7", "tokens-limit": "9" * 125 + "..."}


@pytest.mark.parametrize("status", [500, 504])
@pytest.mark.parametrize("which", [("count_tokens", COUNT), ("get_batch", "b")])
def test_what_only_reads_does_not_say_that_it_may_have_run(call, settings, status, which):
    transport = httpx.MockTransport(lambda _: httpx.Response(status))

    with pytest.raises(errors.SamStatusError, match="It only reads, so a retry is safe") as failed:
        call(settings, *which, transport=transport)
    assert "may have run" not in str(failed.value)


@pytest.mark.parametrize("path", ["/v1", "/gateway/v1/"])
def test_a_host_that_ends_with_v1_is_named_where_the_path_does_not_exist(call, settings, path):
    transport = httpx.MockTransport(lambda _: httpx.Response(404))

    with pytest.raises(errors.SamNotFoundError, match="leave out /v1"):
        call(replace(settings, base_url=f"http://sam.test{path}"), "list_models", transport=transport)

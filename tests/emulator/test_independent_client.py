"""A client written by others, for the same API, agrees with the emulator on every operation they share."""

from __future__ import annotations

import anthropic
import pytest

from airflow_provider_sam.emulator import Fault, SseError, Status

BETAS = ["computer-use-2025-01-24"]
COMPUTER = {"type": "computer_20250124", "name": "computer", "display_width_px": 800, "display_height_px": 600}
LOOK_UP = {
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}
THINKING = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture
def sdk(sam_emulator):
    with anthropic.Anthropic(api_key=sam_emulator.api_key, base_url=sam_emulator.url, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(params=["plain", "beta"])
def messages(sdk, request):
    """The messages of the plain and of the beta route."""
    return sdk.beta.messages if request.param == "beta" else sdk.messages


@pytest.fixture
def requests(params):
    return [{"custom_id": f"row-{number}", "params": params} for number in range(3)]


def test_a_message(messages, params):
    message = messages.create(**params)
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.content[0].text == "In short: Name a colour."
    assert message.usage.input_tokens > 0


def test_a_message_with_thinking_and_a_tool(messages, params):
    message = messages.create(**{**params, "max_tokens": 2048}, tools=[LOOK_UP], thinking=THINKING)
    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert message.content[1].input == {"word": "Name a colour."}


def test_a_message_as_events(messages, params):
    events = list(messages.create(**params, stream=True))
    types = [event.type for event in events]
    assert (types[0], types[1], types[-2], types[-1]) == (
        "message_start",
        "content_block_start",
        "message_delta",
        "message_stop",
    )


def test_a_message_put_together_from_its_events(messages, params):
    with messages.stream(**{**params, "max_tokens": 2048}, tools=[LOOK_UP], thinking=THINKING) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert message.content[0].signature
    assert message.content[1].input == {"word": "Name a colour."}


def test_a_message_with_citations_put_together_from_its_events(messages, params):
    source = {"type": "text", "media_type": "text/plain", "data": "The sky is blue."}
    document = {"type": "document", "source": source, "citations": {"enabled": True}}
    content = [document, {"type": "text", "text": "What colour is it?"}]
    with messages.stream(**{**params, "messages": [{"role": "user", "content": content}]}) as stream:
        message = stream.get_final_message()
    assert message.content[0].citations[0].cited_text == "The sky is blue."


def test_a_beta_tool(sdk, params):
    message = sdk.beta.messages.create(**params, tools=[COMPUTER], betas=BETAS)
    assert message.content[0].name == "computer"


def test_a_token_count(messages, params):
    count = messages.count_tokens(model=params["model"], messages=params["messages"])
    assert count.input_tokens == messages.create(**params).usage.input_tokens


def test_a_batch_from_its_creation_to_its_deletion(messages, requests):
    batches = messages.batches
    created = batches.create(requests=requests)
    assert (created.processing_status, created.request_counts.processing) == ("in_progress", 3)
    ended = batches.retrieve(created.id)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 3)
    lines = {line.custom_id: line.result for line in batches.results(created.id)}
    assert sorted(lines) == ["row-0", "row-1", "row-2"]
    assert {result.type for result in lines.values()} == {"succeeded"}
    assert lines["row-0"].message.content[0].text == "In short: Name a colour."
    assert batches.delete(created.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(created.id)


def test_a_batch_that_is_canceled(messages, requests):
    created = messages.batches.create(requests=requests)
    assert messages.batches.cancel(created.id).processing_status == "canceling"
    assert messages.batches.retrieve(created.id).request_counts.canceled == 3


def test_a_batch_with_every_kind_of_result(sam_emulator, sdk, requests):
    created = sdk.messages.batches.create(requests=[*requests, {"custom_id": "bad", "params": {"model": "m"}}])
    sam_emulator.end_batch(created.id, {"row-1": "expired", "row-2": "canceled"})
    lines = {line.custom_id: line.result for line in sdk.messages.batches.results(created.id)}
    assert {name: result.type for name, result in lines.items()} == {
        "row-0": "succeeded",
        "row-1": "expired",
        "row-2": "canceled",
        "bad": "errored",
    }
    assert lines["bad"].error.error.type == "invalid_request_error"


def test_the_list_of_batches_page_by_page(messages, requests):
    ids = [messages.batches.create(requests=requests).id for _ in range(5)]
    assert [batch.id for batch in messages.batches.list(limit=2)] == ids[::-1]


def test_a_completion(sdk):
    prompt = f"{anthropic.HUMAN_PROMPT} Name a colour.{anthropic.AI_PROMPT}"
    body = {"model": "sam-small", "max_tokens_to_sample": 50, "prompt": prompt}
    completion = sdk.completions.create(**body).completion
    assert completion == " In short: Name a colour."
    assert "".join(event.completion for event in sdk.completions.create(**body, stream=True)) == completion


def test_models(sdk):
    for models in (sdk.models, sdk.beta.models):
        ids = [model.id for model in models.list(limit=1)]
        assert len(ids) == 3
        assert models.retrieve("sam-small").id in ids


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (409, anthropic.ConflictError),
        (422, anthropic.UnprocessableEntityError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
def test_errors(sam_emulator, sdk, status, error):
    sam_emulator.faults.add(Fault(Status(status)))
    with pytest.raises(error) as raised:
        sdk.models.list()
    assert raised.value.request_id == sam_emulator.requests[-1].request_id


def test_an_error_in_the_middle_of_events(sam_emulator, messages, params):
    sam_emulator.faults.add(Fault(SseError(after_events=4)))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(messages.create(**params, stream=True))

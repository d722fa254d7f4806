"""A message is created from a prompt, a conversation or full parameters, and returned as asked."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_sam.api.errors import SamDisconnectedError, SamOverloadedError, SamRequestError
from airflow_provider_sam.emulator import Cut, Drop, Fault, SseError
from airflow_provider_sam.exceptions import SamTooManyTokensError
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator

CONVERSATION = [{"role": "user", "content": "Hello {{ you }}"}]


def create(**arguments):
    return SamCreateMessageOperator(task_id="message", **arguments).execute({})


@pytest.mark.parametrize(
    "arguments",
    [
        {"prompt": "Hello {{ you }}", "model": "sam-small", "max_tokens": 20},
        {"prompt": "Hello {{ you }}", "model": "sam-small", "max_tokens": "20"},
        {"messages": CONVERSATION, "model": "sam-small", "max_tokens": 20},
        {"message_params": {"messages": CONVERSATION, "model": "sam-small", "max_tokens": 20}},
        {"prompt": lambda _: "Hello {{ you }}", "model": "sam-small", "message_params": {"max_tokens": 20}},
    ],
    ids=["prompt", "rendered number", "conversation", "full parameters", "callable"],
)
def test_the_same_message_is_sent_whatever_form_it_is_given_in(sam, arguments):
    sent = []
    sam.answers = lambda params: sent.append(params) or "Good day"
    assert create(**arguments) == "Good day"
    assert sent == [{"model": "sam-small", "max_tokens": 20, "messages": CONVERSATION}]


@pytest.mark.usefixtures("sam")
@pytest.mark.parametrize(
    ("arguments", "noted"),
    [
        ({"prompt": "Hello {{ ds }}"}, True),
        ({"prompt": "Hello", "system": [{"type": "text", "text": "It is {{ ds }}"}]}, True),
        ({"messages": [{"role": "user", "content": "Hello {{ ds }}"}]}, True),
        (
            {
                "prompt": "Hello",
                "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {"a": {}}}}],
            },
            False,
        ),
    ],
    ids=["prompt", "system", "conversation", "braces of JSON alone"],
)
def test_the_log_says_so_when_a_prompt_looks_like_a_template(caplog, capsys, arguments, noted):
    with caplog.at_level(logging.INFO):
        create(model="sam-small", max_tokens=20, **arguments)
    said = caplog.text + capsys.readouterr().out  # Airflow 2 logs to the one, Airflow 3 to the other
    assert ("prompts are data, not templates" in said) is noted


def test_further_parameters_go_along_and_named_arguments_win(sam):
    sam.strict = False
    sent = []
    sam.answers = lambda params: sent.append(params) or "Good day"
    create(
        prompt="Hello",
        system="Be brief.",
        model="sam-large",
        message_params={"model": "sam-small", "max_tokens": 5, "temperature": 0.5, "newer_than_we_are": [1]},
    )
    (params,) = sent
    assert (params["model"], params["system"], params["temperature"]) == ("sam-large", "Be brief.", 0.5)
    assert params["newer_than_we_are"] == [1]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({}, "sam-large"),
        ({"model": ""}, "sam-large"),
        ({"model": "sam-small"}, "sam-small"),
        ({"message_params": {"model": "sam-small"}}, "sam-small"),
        ({"model": "sam-small", "message_params": {"model": "sam-large"}}, "sam-small"),
    ],
    ids=["none", "rendered to nothing", "argument", "parameters", "both"],
)
@pytest.mark.parametrize("operator", [SamCreateMessageOperator, SamCountTokensOperator])
def test_the_model_of_the_connection_is_asked_where_the_task_names_none(sam, default_model, operator, arguments, asked):
    assert default_model == "sam-large"
    further = {"max_tokens": 20} if operator is SamCreateMessageOperator else {}
    task = operator(task_id="message", prompt="Hello", **further, **arguments)
    task.execute({})
    (request,) = sam.requests
    assert json.loads(request.body)["model"] == asked
    assert task.model == arguments.get("model")


def test_the_whole_message_is_returned_as_json_types(sam):
    message = create(prompt="Hello", model="sam-small", max_tokens=20, returns="message")
    assert json.loads(json.dumps(message)) == message
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", "sam-small")
    assert sam.count("messages_create") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": "a", "messages": CONVERSATION, "model": "m", "max_tokens": 1}, "both given"),
        ({"model": "m", "max_tokens": 1}, "messages missing"),
        (
            {"prompt": "a", "max_tokens": 1},
            "model missing; set it on the task, or set the extra 'model' of connection 'sam_default'",
        ),
        ({"prompt": "a", "model": "m"}, "max_tokens missing"),
        ({"prompt": "a", "model": "m", "max_tokens": "many"}, "max_tokens must be a whole number, got 'many'"),
        ({"prompt": "a", "model": "m", "max_tokens": 1, "message_params": {"betas": []}}, "'betas' is not a parameter"),
    ],
)
def test_what_the_api_would_not_take_is_refused_before_anything_is_sent(sam, arguments, said):
    with pytest.raises(SamRequestError, match=said):
        create(**arguments)
    assert not sam.requests


def test_a_message_whose_answer_is_lost_is_not_bought_again(sam):
    sam.faults.add(Fault(Drop(accepted=True), operation="messages_create"))
    with pytest.raises(Exception, match="may have run"):
        create(prompt="Hello", model="sam-small", max_tokens=20)
    assert sam.count("messages_create") == 1


def test_a_streamed_message_is_the_same_as_one_that_is_not(sam):
    plain = create(prompt="Hello", model="sam-small", max_tokens=200, returns="message")
    streamed = create(prompt="Hello", model="sam-small", max_tokens=200, returns="message", stream=True)
    ids = {plain.pop("id"), streamed.pop("id")}
    assert len(ids) == 2
    assert streamed == plain
    assert create(prompt="Hello", model="sam-small", max_tokens=200, stream=True) == plain["content"][0]["text"]
    assert sam.count("messages_create") == 3


def test_a_streamed_message_shows_its_progress(sam, monkeypatch, caplog, capsys):
    monkeypatch.setattr("airflow_provider_sam.operators.message.PROGRESS_EVERY", 0.0)
    sam.answers = "A rather long answer that comes in several pieces. " * 5
    with caplog.at_level(logging.INFO):
        create(prompt="Hello", model="sam-small", max_tokens=200, stream=True)
    said = caplog.text + capsys.readouterr().out  # Airflow 2 logs to the one, Airflow 3 to the other
    assert "characters so far" in said


@pytest.mark.parametrize(
    ("effect", "raised"),
    [(SseError("overloaded_error", after_events=3), SamOverloadedError), (Cut(after_bytes=300), SamDisconnectedError)],
    ids=["error event", "cut"],
)
def test_a_stream_that_breaks_is_an_error_and_not_bought_again(sam, effect, raised):
    sam.faults.add(Fault(effect, operation="messages_create", times=5))
    with pytest.raises(raised):
        create(prompt="Hello", model="sam-small", max_tokens=200, stream=True)
    assert sam.count("messages_create") == 1


def test_tools_and_thinking_and_metadata_go_along(sam):
    sent = []
    sam.answers = lambda params: sent.append(params) or "Good day"
    named = {
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "u1"},
    }
    create(prompt="Hello", model="sam-small", max_tokens=2000, **named)
    assert {name: sent[0][name] for name in named} == named


def count(**arguments):
    return SamCountTokensOperator(task_id="count", prompt="Hello, world", model="sam-small", **arguments).execute({})


def test_tokens_are_counted_and_nothing_is_created(sam):
    assert count() == count(max_input_tokens=1000) > 0
    assert {request.operation for request in sam.requests} == {"messages_count_tokens"}


@pytest.mark.parametrize("most", [1, "1"])
def test_too_many_tokens_fail_the_task_before_anything_is_created(sam, most):
    with pytest.raises(SamTooManyTokensError, match=r"\d+ input tokens, but max_input_tokens is 1"):
        count(max_input_tokens=most)
    assert {request.operation for request in sam.requests} == {"messages_count_tokens"}

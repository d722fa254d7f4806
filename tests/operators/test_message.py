"""A message is created from a prompt, a conversation or full parameters, and returned as asked."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.emulator import Drop, Fault
from airflow_provider_sam.operators.message import SamCreateMessageOperator

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


def test_further_parameters_go_along_and_named_arguments_win(sam):
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
        ({"prompt": "a", "max_tokens": 1}, "model missing"),
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

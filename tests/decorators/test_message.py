"""What a function returns is sent as a message; its task returns the answer."""

from __future__ import annotations

import json
from typing import Any, Literal

import pydantic
import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.decorators import sam_message
from tests.decorators.making import make, run

ARGUMENTS = {"model": "sam-small", "max_tokens": 20}
CONVERSATION = [{"role": "user", "content": "Hello {{ ds }}"}]


class Review(pydantic.BaseModel):
    """What a review says."""

    label: Literal["good", "bad"]


@pytest.fixture
def sent(sam):
    """The parameters of the messages that are sent."""
    sent = []
    sam.answers = lambda params: sent.append(params) or "Good day"
    return sent


@pytest.mark.parametrize(
    "returned",
    ["Hello {{ ds }}", CONVERSATION, {"messages": CONVERSATION}],
    ids=["prompt", "messages", "parameters"],
)
def test_a_message_is_sent_of_whatever_is_returned_and_none_of_it_is_a_template(sent, returned):
    @sam_message(**ARGUMENTS)
    def ask():
        return returned

    assert run(make(ask)) == "Good day"
    assert sent == [{**ARGUMENTS, "messages": CONVERSATION}]


def test_returned_parameters_win_over_those_of_the_decorator(sent):
    @sam_message(system="Be brief.", message_params={"temperature": 0.5, "top_k": 5}, **ARGUMENTS)
    def ask():
        returned = {"messages": CONVERSATION, "model": "sam-large", "system": "Rhyme.", "temperature": 1.0}
        return returned | {"metadata": {"user_id": "{{ ds }}"}}

    assert run(make(ask)) == "Good day"
    assert sent == [
        {
            "model": "sam-large",
            "max_tokens": 20,
            "messages": CONVERSATION,
            "system": "Rhyme.",
            "temperature": 1.0,
            "top_k": 5,
            "metadata": {"user_id": "{{ ds }}"},
        }
    ]


def test_arguments_are_templates_and_the_context_is_there_for_those_who_ask(sent):
    @sam_message(model="{{ ds }}", max_tokens=20)
    def ask(name, *, greeting="Hello", ds=None, ti=None, **context):
        return f"{greeting} {name} {ds} {ti.task_id} {context['params']}"

    with pytest.raises(Exception, match="model: 2026-01-02"):
        run(make(ask, "Sam"))
    assert run(make(ask.override(model="sam-small"), "{{ ds }}", greeting="Hi")) == "Good day"
    assert sent[0]["messages"][0]["content"] == "Hi 2026-01-02 2026-01-02 ask {}"


def test_a_function_may_be_async_and_the_decorator_bare(sent, default_model):
    @sam_message
    async def ask(name):
        return {"messages": [{"role": "user", "content": f"Hello {name}"}], "max_tokens": 20}

    assert run(make(ask, "Sam")) == "Good day"
    assert sent == [{"model": default_model, "max_tokens": 20, "messages": [{"role": "user", "content": "Hello Sam"}]}]


def test_with_an_output_type_the_validated_answer_is_returned(sam):
    @sam_message(output_type=Review, multiple_outputs=True, **ARGUMENTS)
    def classify(review):
        return f"Good or bad? {review}"

    sam.answers = lambda params: json.dumps({"label": "good" if len(params["messages"]) > 1 else "so-so"})
    task = make(classify, "Nice")
    assert run(task) == {"label": "good"}
    assert task.multiple_outputs is True
    assert sam.count("messages_create") == 2


@pytest.mark.usefixtures("sam")
def test_the_function_s_annotation_says_nothing_about_what_its_task_returns():
    @sam_message(**ARGUMENTS)
    def ask() -> dict[str, Any]:
        return {"messages": CONVERSATION}

    task = make(ask)
    assert task.multiple_outputs is False
    assert isinstance(run(task), str)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "ask returned NoneType; return a prompt as text, a list of messages, or the message's parameters"),
        (5, "ask returned int; return a prompt"),
        (iter([]), "ask returned list_iterator; return a prompt"),
    ],
)
def test_what_is_no_message_is_refused_before_anything_is_sent(sam, returned, said):
    @sam_message(**ARGUMENTS)
    def ask():
        return returned

    with pytest.raises(SamRequestError, match=said):
        run(make(ask))
    assert not sam.requests


@pytest.mark.parametrize("name", ["prompt", "messages"])
def test_what_the_function_returns_is_not_given_to_the_decorator(name):
    @sam_message(**{name: "Hello"}, **ARGUMENTS)
    def ask():
        return "Hello"

    with pytest.raises(SamRequestError, match=f"@task.sam_message takes no {name}: its function returns it"):
        make(ask)

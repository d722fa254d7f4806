"""A message whose answer has a type: what is returned is of it, and an answer that is not is asked for once more."""

from __future__ import annotations

import json
import logging
import re
from datetime import date
from typing import Literal

import pydantic
import pytest

from airflow_provider_sam.api.errors import SamRequestError, SamServerError
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.exceptions import SamInvalidOutputError
from airflow_provider_sam.operators.message import SamCreateMessageOperator

THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"first": {"type": "integer"}}, "required": ["first"]}


class Review(pydantic.BaseModel):
    """What a review says."""

    label: Literal["good", "bad"]
    since: date


GOOD = {"label": "good", "since": "2026-01-02"}
BAD = {"label": "so-so", "since": "2026-01-02"}


def create(output_type=Review, **arguments):
    arguments = {"model": "sam-small", "max_tokens": 2000, "prompt": "Good?", "output_type": output_type, **arguments}
    return SamCreateMessageOperator(task_id="message", **arguments).execute({})


def answering(sam, *answers):
    """Answer with these, one after the other, and return the list of what is sent."""
    sent, left = [], iter(answers)
    sam.answers = lambda params: sent.append(params) or next(left)
    return sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("output_type", "answer", "returned"),
    [
        (Review, GOOD, GOOD),
        (SCHEMA, {"first": 1}, {"first": 1}),
        (Literal["good", "bad"], {"answer": "bad"}, "bad"),
        (list[date], {"answer": ["2026-01-02"]}, ["2026-01-02"]),
        ({"enum": ["good", "bad"]}, {"answer": "good"}, "good"),
        (pydantic.create_model("Own", answer=(int, ...)), {"answer": 1}, {"answer": 1}),
    ],
    ids=["model", "JSON schema", "literal", "list", "JSON schema of a text", "an object's own property"],
)
def test_the_answer_is_returned_as_plain_json(sam, output_type, answer, returned, stream):
    sent = answering(sam, json.dumps(answer))
    assert create(output_type, stream=stream) == returned
    assert sent[0]["tool_choice"]["type"] == "tool"


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```"])
def test_where_the_request_thinks_or_has_tools_the_schema_is_told_in_words(sam, fence):
    sent = answering(sam, fence.replace("{}", json.dumps(GOOD)))
    assert create(system="Be brief.", **THINKING) == GOOD
    assert sent[0]["system"].startswith("Be brief.")
    assert "tools" not in sent[0]


def test_a_wrong_answer_is_shown_to_the_model_as_the_result_of_its_call(sam, caplog, capsys):
    sent = answering(sam, json.dumps(BAD), json.dumps(GOOD))
    with caplog.at_level(logging.INFO):
        assert create() == GOOD
    first, second = sent
    asked, answered, told = second.pop("messages")
    assert second == {name: value for name, value in first.items() if name != "messages"}
    assert asked == {"role": "user", "content": "Good?"}
    (call,) = answered["content"]
    (result,) = told["content"]
    assert (answered["role"], call["type"], call["input"]) == ("assistant", "tool_use", BAD)
    assert (told["role"], result["type"], result["tool_use_id"], result["is_error"]) == (
        *("user", "tool_result", call["id"]),
        True,
    )
    assert "label: Input should be 'good' or 'bad'" in result["content"]
    said = caplog.text + capsys.readouterr().out  # Airflow 2 logs to the one, Airflow 3 to the other
    assert len(set(re.findall(r"Created message (msg_\w+): tool_use, input_tokens=\d+ output_tokens=\d+", said))) == 2


def test_a_wrong_text_is_shown_to_the_model_in_a_turn_of_the_user(sam):
    sent = answering(sam, "It is good.", json.dumps(GOOD))
    assert create(**THINKING) == GOOD
    _, answered, told = sent[1]["messages"]
    assert [block["type"] for block in answered["content"]] == ["thinking", "text"]
    assert answered["content"][1]["text"] == "It is good."
    assert told["role"] == "user"
    assert "not valid: Invalid JSON" in told["content"]


def test_what_the_model_thought_goes_back_and_an_empty_text_does_not(sam):
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    blank = {"content": [thought, {"type": "text", "text": " "}]}
    nothing = {"content": [{"type": "text", "text": ""}]}
    sent = answering(sam, blank, json.dumps(GOOD), nothing, json.dumps(GOOD))
    assert create(**THINKING) == create(**THINKING) == GOOD
    assert sent[1]["messages"][1] == {"role": "assistant", "content": [thought]}
    assert [turn["role"] for turn in sent[3]["messages"]] == ["user", "user"]


@pytest.mark.parametrize("further", [{}, THINKING], ids=["tool", "text"])
def test_a_second_wrong_answer_fails_the_task_and_says_what_is_wrong(sam, caplog, capsys, further):
    sent = answering(sam, json.dumps(BAD), json.dumps({"label": "good"}))
    with pytest.raises(SamInvalidOutputError, match=r"since: Field required\. A retry asks anew") as failed:
        create(**further)
    assert json.loads(failed.value.answer) == {"label": "good"}
    assert failed.value.reason == "since: Field required"
    assert "The second answer" in caplog.text + capsys.readouterr().out
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("answer", "further", "said"),
    [
        (
            {"content": [], "stop_reason": "refusal"},
            {},
            r"refused to answer \(stop_reason refusal\).*change the prompt",
        ),
        (
            {"content": [{"type": "text", "text": '{"label": "go'}], "stop_reason": "max_tokens"},
            {},
            "cut off at max_tokens.*Raise max_tokens",
        ),
        ({"content": [], "stop_reason": "pause_turn"}, {}, "paused before it answered"),
        (
            {"content": [{"type": "tool_use", "id": "t", "name": "look", "input": {}}], "stop_reason": "tool_use"},
            {"tools": [LOOK]},
            "called the tool 'look'.*runs no tools",
        ),
    ],
    ids=["refusal", "max_tokens", "pause_turn", "another tool"],
)
def test_where_no_second_turn_would_help_the_first_answer_is_the_last(sam, answer, further, said):
    sent = answering(sam, answer)
    with pytest.raises(SamInvalidOutputError, match=said):
        create(**further)
    assert len(sent) == 1


def test_a_second_turn_that_fails_is_the_api_s_error(sam):
    answering(sam, json.dumps(BAD))
    sam.faults.add(Fault(Status(500), operation="messages_create", nth=2))
    with pytest.raises(SamServerError):
        create()
    assert sam.count("messages_create") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"returns": "message"}, "returns='message' and output_type are both given"),
        ({"output_type": len}, "output_type .*len.* has no JSON schema"),
        ({"prompt": None, "messages": [{"role": "assistant", "content": "{"}]}, "end with a turn of the assistant"),
        ({"prompt": None}, "messages missing"),
        ({"output_type": Literal["a"], "multiple_outputs": True}, "multiple_outputs needs an object"),
        ({"output_type": None, "multiple_outputs": True}, "multiple_outputs needs an object"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(sam, arguments, said):
    with pytest.raises(SamRequestError, match=said):
        create(**arguments)
    assert not sam.requests

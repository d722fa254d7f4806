"""A completion is created from a prompt and returned as text."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.completion import SamCreateCompletionOperator

PROMPT = "\n\nHuman: {{ you }}\n\nAssistant:"


def create(**arguments):
    arguments = {"prompt": PROMPT, "model": "sam-small", "max_tokens_to_sample": 20} | arguments
    return SamCreateCompletionOperator(task_id="completion", **arguments).execute({})


def test_a_prompt_is_sent_as_it_is_and_its_completion_returned(sam, caplog, capsys):
    sam.answers = " Good day"
    with caplog.at_level(logging.INFO):
        assert create(max_tokens_to_sample="20", completion_params={"temperature": 0.5}) == " Good day"
    (request,) = sam.requests
    assert json.loads(request.body)["prompt"] == PROMPT
    said = caplog.text + capsys.readouterr().out  # Airflow 2 logs to the one, Airflow 3 to the other
    assert "prompts are data, not templates" in said


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({"model": None}, "sam-large"),
        ({"model": "sam-small"}, "sam-small"),
        ({"model": None, "completion_params": {"model": "sam-small"}}, "sam-small"),
    ],
)
def test_the_model_of_the_connection_is_asked_where_the_task_names_none(sam, default_model, arguments, asked):
    assert default_model == "sam-large"
    create(**arguments)
    (request,) = sam.requests
    assert json.loads(request.body)["model"] == asked


def test_what_the_api_requires_is_asked_for_before_anything_is_sent(sam):
    with pytest.raises(
        SamRequestError, match="model missing; set it on the task, or set the extra 'model' of connection 'sam_default'"
    ):
        create(model=None)
    assert not sam.requests

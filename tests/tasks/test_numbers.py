"""A number among the arguments is a whole number, however it comes, or refused by the argument's name."""

from __future__ import annotations

import re

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.completion import SamCreateCompletionOperator
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator
from airflow_provider_sam.tasks.numbers import whole_number

NO_NUMBERS = [2.7, 2.0, True, False, "abc", "2.7", "True", " ", [2], b"2", float("nan")]


@pytest.mark.parametrize(
    ("value", "number"), [(None, None), ("", None), (3, 3), ("3", 3), (" 3\n", 3), (0, 0), ("0", 0), ("-1", -1)]
)
def test_a_whole_number_is_read_from_a_number_or_a_text_and_nothing_means_none(value, number):
    assert whole_number("max_tokens", value) == number


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_whole_number_is_refused_with_name_and_value(value):
    with pytest.raises(SamRequestError, match=f"^{re.escape(f'max_tokens must be a whole number, got {value!r}')}"):
        whole_number("max_tokens", value)


@pytest.mark.parametrize("value", [2.7, True, "abc"])
@pytest.mark.parametrize(
    ("operator", "argument"),
    [
        (SamCreateMessageOperator, "max_tokens"),
        (SamCountTokensOperator, "max_input_tokens"),
        (SamCreateCompletionOperator, "max_tokens_to_sample"),
        (SamCreateBatchOperator, "max_requests"),
        (SamCreateBatchOperator, "max_input_tokens"),
    ],
)
def test_every_operator_refuses_the_same_and_sends_nothing(sam, operator, argument, value):
    data = {"requests": ["One"]} if operator is SamCreateBatchOperator else {"prompt": "One", "model": "sam-small"}
    task = operator(task_id="task", **data, **{argument: value})
    with pytest.raises(SamRequestError, match=rf"{argument} must be a whole number, got {value!r}"):
        task.execute({})
    assert not sam.requests

"""Decorators take what their operators take, and say so to editors."""

from __future__ import annotations

import inspect
from typing import get_overloads

import pytest

from airflow_provider_sam.decorators import sam_batch, sam_message
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.message import BaseSamMessageOperator, SamCreateMessageOperator


def taken(*functions):
    """Return the arguments of functions with their defaults."""
    found = [each for function in functions for each in inspect.signature(function).parameters.values()]
    return {each.name: each.default for each in found if each.kind is each.KEYWORD_ONLY}


@pytest.mark.parametrize(
    ("decorator", "operators", "own", "not_taken"),
    [
        (
            sam_message,
            [BaseSamMessageOperator, SamCreateMessageOperator],
            {"multiple_outputs": False},
            {"prompt", "messages"},
        ),
        (sam_batch, [SamCreateBatchOperator], {}, {"requests", "rows"}),
    ],
)
def test_a_decorator_takes_the_arguments_of_its_operator_but_for_what_the_function_gives(
    decorator, operators, own, not_taken
):
    _, factory = get_overloads(decorator)
    of_operators = taken(*(operator.__init__ for operator in operators))
    assert taken(factory) == {name: value for name, value in of_operators.items() if name not in not_taken} | own

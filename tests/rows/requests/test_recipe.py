"""A row becomes a request that is named by its id and its whole content, or an error that names the row."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

import pyarrow as pa
import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import CUSTOM_ID
from airflow_provider_sam.rows.batch import ArrowRows, PlainRows
from airflow_provider_sam.rows.requests.identity import id_part, params_part
from airflow_provider_sam.rows.requests.output_type import OutputType
from airflow_provider_sam.rows.requests.recipe import Recipe, iter_requests

PARAMS = {"model": "sam-small", "max_tokens": 5}


def recipe(prompt="Good? {text}", **arguments):
    arguments = {"id_columns": ["id"], "prompt": prompt, "params": PARAMS, **arguments}
    return Recipe(**arguments)


def requests(rows, made=None, *, size=2):
    """Make requests of rows, a few rows at a time."""
    batches = [PlainRows.of(rows[at : at + size], name="a.csv", number=at + 1) for at in range(0, len(rows), size)]
    return [request for _, found in iter_requests(batches, made or recipe()) for request in found]


def sent(request):
    return json.loads(request.params)


def test_a_request_is_the_parameters_and_the_prompt_of_its_row():
    rows = [{"id": 1, "text": "{{ x }} {text}"}, {"id": 2, "text": None}, {"id": 3, "text": ["ä"]}]
    assert [sent(each) for each in requests(rows)] == [
        {**PARAMS, "messages": [{"role": "user", "content": f"Good? {text}"}]}
        for text in ("{{ x }} {text}", "", '["ä"]')
    ]


def test_a_conversation_has_placeholders_in_each_of_its_texts():
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "{text}"}]},
        {"role": "assistant", "content": "{id}:"},
    ]
    made = recipe(prompt=None, messages=messages)
    assert made.columns == ["id", "text"]
    (request,) = requests([{"id": 7, "text": "x"}], made)
    assert sent(request)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "7:"},
    ]


def test_a_function_gets_the_whole_row_and_returns_a_prompt_or_parameters():
    made = recipe(prompt=lambda row: row["text"] if row["id"] == 1 else {"max_tokens": 9, "messages": [row]})
    assert made.columns is None
    first, second = requests([{"id": 1, "text": "a"}, {"id": 2, "text": "b"}], made)
    assert sent(first) == {**PARAMS, "messages": [{"role": "user", "content": "a"}]}
    assert sent(second) == {**PARAMS, "max_tokens": 9, "messages": [{"id": 2, "text": "b"}]}


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "a.csv row 1: what prompt returns must be a prompt or a mapping of params, got a NoneType"),
        ({"system": "x"}, "a.csv row 1: what prompt returns: messages missing"),
        ({"messages": object()}, "a.csv row 1: what prompt returns cannot be written as JSON"),
    ],
)
def test_what_a_function_returns_is_checked_row_by_row(returned, message):
    with pytest.raises(SamRequestError) as refused:
        requests([{"id": 1}], recipe(prompt=lambda _row: returned))
    assert message in refused.value.message


def test_a_custom_id_says_which_row_and_which_request():
    rows = [{"id": 1, "text": "a"}, {"id": 2, "text": "a"}, {"id": 3, "text": "b"}]
    one, two, three = [request.custom_id for request in requests(rows)]
    assert all(map(CUSTOM_ID.fullmatch, (one, two, three)))
    assert params_part(one) == params_part(two) != params_part(three)
    assert len({id_part(one), id_part(two), id_part(three)}) == 3
    (changed,) = requests([{"id": 1, "text": "a"}], recipe(params={**PARAMS, "model": "sam-large"}))
    assert id_part(changed.custom_id) == id_part(one)
    assert params_part(changed.custom_id) != params_part(one)
    reordered = recipe(params=dict(reversed(PARAMS.items())))
    assert requests(rows, reordered) == requests(rows)


def test_the_same_id_is_the_same_row_whatever_holds_it():
    as_text, as_number = requests([{"id": "7", "text": "a"}]), requests([{"id": 7, "text": "a"}])
    assert as_text == as_number
    (arrow,) = iter_requests([ArrowRows(pa.record_batch({"id": pa.array([7], "int8"), "text": ["a"]}))], recipe())
    assert list(arrow[1]) == as_text


def test_several_columns_make_one_id():
    made = recipe(id_columns=["shop", "id"])
    rows = [
        {"shop": "a", "id": 1, "text": "x"},
        {"shop": "b", "id": 1, "text": "x"},
        {"shop": "a", "id": 2, "text": ""},
    ]
    assert len({id_part(each.custom_id) for each in requests(rows, made)}) == 3
    with pytest.raises(SamRequestError, match=r"a\.csv row 1 and a\.csv row 4 have the same id \(shop='a', id='1'\)"):
        requests([*rows, rows[0]], made)


@pytest.mark.parametrize("second", [1, 2, 3])
def test_two_rows_with_one_id_are_an_error_that_names_both(second):
    rows = [{"id": number, "text": ""} for number in range(4)]
    rows[second]["id"] = 0
    with pytest.raises(SamRequestError, match=rf"a\.csv row 1 and a\.csv row {second + 1} have the same id"):
        requests(rows)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "a.csv row 3: id column 'id' is null; every row needs an id"),
        (float("nan"), "a.csv row 3: id column 'id' is null"),
        (1.5, "a.csv row 3: id column 'id' holds a float; an id is a text, a whole number"),
        (True, "a.csv row 3: id column 'id' holds a bool"),
        ([1], "a.csv row 3: id column 'id' holds a list"),
        ("x", "id column 'id' has two types: int in a.csv row 1, str in a.csv row 3"),
        (datetime(2026, 1, 1), "two types: int in a.csv row 1, datetime in a.csv row 3"),  # noqa: DTZ001
        (UUID(int=1), "two types: int in a.csv row 1, UUID in a.csv row 3"),
    ],
)
def test_an_id_that_is_none_is_an_error_that_names_the_row(value, message):
    with pytest.raises(SamRequestError) as refused:
        requests([{"id": 1, "text": ""}, {"id": 2, "text": ""}, {"id": value, "text": ""}])
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"x", "a.csv row 2: column 'text' cannot be part of a prompt: a bytes has no form as text"),
        ("\ud800", "a.csv row 2: column text holds half of a surrogate pair"),
        (["\ud800"], "a.csv row 2: column 'text' cannot be part of a prompt"),
    ],
)
def test_a_value_that_is_no_text_is_an_error_that_names_row_and_column(text, message):
    with pytest.raises(SamRequestError) as refused:
        requests([{"id": 1, "text": ""}, {"id": 2, "text": text}])
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": None}, "rows need a prompt, or messages, and not both"),
        ({"messages": []}, "rows need a prompt, or messages, and not both"),
        ({"prompt": "the same"}, "the prompt names no column"),
        ({"prompt": 7}, "prompt must be a text or a function of a row, got a int"),
        ({"prompt": "{"}, "prompt has a single '{'"),
        ({"params": {"model": "m"}}, "rows: params: max_tokens missing"),
        ({"params": {**PARAMS, "messages": []}}, "defaults hold 'messages'"),
        ({"params": {**PARAMS, "betas": []}}, "'betas' is not a parameter"),
    ],
)
def test_a_recipe_that_no_row_could_follow_is_refused_at_once(arguments, message):
    with pytest.raises(SamRequestError) as refused:
        recipe(**arguments)
    assert message in refused.value.message


def test_a_recipe_with_an_output_type_asks_for_it():
    (request,) = requests([{"id": 1, "text": "a"}], recipe(output_type=OutputType.of({"enum": ["good", "bad"]})))
    assert sent(request)["tool_choice"]["name"] == "answer"

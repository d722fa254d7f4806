"""A type is asked for in the request, and an answer that is not of it is an error with its reason."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import pydantic
import pytest
import typing_extensions

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.requests.output_type import InvalidOutputError, OutputType


class Tone(enum.Enum):
    FRIENDLY = "friendly"
    ANGRY = "angry"


class Place(pydantic.BaseModel):
    city: str
    since: date | None = None


class Review(pydantic.BaseModel):
    """What a review says."""

    label: Literal["good", "bad"]
    score: float = pydantic.Field(ge=0, le=1)
    tone: Tone
    place: Place
    tags: list[str] = []


class Tree(pydantic.BaseModel):
    name: str
    children: list[Tree] = []


@dataclass
class Pair:
    first: int
    second: str


class Typed(typing_extensions.TypedDict):
    first: int
    second: str


SCHEMA = {"type": "object", "properties": {"first": {"type": "integer"}}, "required": ["first"]}


@pytest.mark.parametrize(
    ("given", "columns", "answer", "values"),
    [
        (
            Review,
            ["label", "score", "tone", "place", "tags"],
            '{"label":"good","score":1,"tone":"angry","place":{"city":"Bonn","since":"2026-01-02"}}',
            {
                "label": "good",
                "score": 1.0,
                "tone": "angry",
                "place": {"city": "Bonn", "since": "2026-01-02"},
                "tags": [],
            },
        ),
        (Pair, ["first", "second"], '{"first":1,"second":"b"}', {"first": 1, "second": "b"}),
        (Typed, ["first", "second"], '{"first":1,"second":"b"}', {"first": 1, "second": "b"}),
        (Tree, ["name", "children"], '{"name":"a","children":[{"name":"b"}]}', None),
        (Literal["good", "bad"], ["answer"], '{"answer":"bad"}', {"answer": "bad"}),
        (Tone, ["answer"], '{"answer":"angry"}', {"answer": "angry"}),
        (list[int], ["answer"], '{"answer":[1,2]}', {"answer": [1, 2]}),
        (dict[str, int], ["answer"], '{"answer":{"a":1}}', {"answer": {"a": 1}}),
        (Review | Place, ["answer"], '{"answer":{"city":"Bonn"}}', {"answer": {"city": "Bonn", "since": None}}),
        (SCHEMA, ["first"], '{"first":1}', {"first": 1}),
        ({"enum": ["good", "bad"]}, ["answer"], '{"answer":"bad"}', {"answer": "bad"}),
        ({"$ref": "#/$defs/x", "$defs": {"x": SCHEMA}}, ["first"], '```json\n{"first":1}\n```', {"first": 1}),
    ],
)
def test_every_kind_of_type_becomes_columns_and_reads_its_answers(given, columns, answer, values):
    output_type = OutputType.of(given)
    assert output_type.schema["type"] == "object"
    assert list(output_type.columns) == columns
    found = output_type.read(answer)
    assert values is None or found == values
    assert OutputType.of(output_type) is output_type


def test_references_are_resolved_in_columns():
    columns = OutputType.of(Review).columns
    assert columns["tone"]["enum"] == ["friendly", "angry"]
    assert columns["place"]["properties"]["city"] == {"type": "string"}


@pytest.mark.parametrize(
    ("given", "answer", "reason"),
    [
        (
            Review,
            '{"label":"so-so","score":2,"tone":"x"}',
            "label: Input should be 'good' or 'bad'; score: Input should",
        ),
        (Review, "I think it is good.", "Invalid JSON"),
        (Review, "", "Invalid JSON"),
        (Pair, "[1]", "Input should be"),
        (SCHEMA, '{"first":"a"}', "first: 'a' is not of type 'integer'"),
        (SCHEMA, "{", "no JSON"),
        (SCHEMA, "[" * 100_000, "no JSON"),
        ({"type": "object", "properties": {"a": {"format": "date"}}}, '{"a":"x"}', "a: 'x' is not a 'date'"),
    ],
)
def test_an_answer_of_another_type_is_an_error_with_its_reason(given, answer, reason):
    with pytest.raises(InvalidOutputError) as invalid:
        OutputType.of(given).read(answer)
    assert reason in invalid.value.reason
    assert len(invalid.value.reason) <= 500


def test_a_validator_that_breaks_makes_the_answer_invalid_and_not_the_task():
    class Strict(pydantic.BaseModel):
        value: int

        @pydantic.field_validator("value")
        @classmethod
        def check(cls, value: int) -> int:
            raise ValueError(f"{value} is odd")

    with pytest.raises(InvalidOutputError, match="value: Value error, 1 is odd"):
        OutputType.of(Strict).read('{"value":1}')


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda row: row, "output_type is a function"),
        ({"type": "objekt"}, "output_type is no JSON schema"),
        (pytest, "has no JSON schema"),
        (type(pytest), "has no JSON schema"),
    ],
)
def test_what_json_schema_cannot_say_is_refused(given: Any, message: str):
    with pytest.raises(SamRequestError) as refused:
        OutputType.of(given)
    assert message in refused.value.message


def test_the_model_is_made_to_call_a_tool():
    output_type = OutputType.of(SCHEMA)
    assert output_type.direct({"model": "m", "thinking": {"type": "disabled"}}) == {
        "model": "m",
        "thinking": {"type": "disabled"},
        "tools": [{"name": "answer", "description": "Give the answer.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "answer", "disable_parallel_tool_use": True},
    }


@pytest.mark.parametrize(
    ("params", "start"),
    [
        ({"tools": [{"name": "search"}]}, ""),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "system": "Be kind."}, "Be kind.\n\n"),
    ],
)
def test_where_tools_or_thinking_are_in_use_the_schema_is_in_the_prompt(params, start):
    directed = OutputType.of(SCHEMA).direct(params)
    assert directed["system"].startswith(f"{start}End with an answer that is JSON")
    assert '"first":{"type":"integer"}' in directed["system"]
    assert {name: directed[name] for name in params if name != "system"} == {
        name: value for name, value in params.items() if name != "system"
    }
    blocks = OutputType.of(SCHEMA).direct({**params, "system": [{"type": "text", "text": "Be kind."}]})["system"]
    assert [block["type"] for block in blocks] == ["text", "text"]

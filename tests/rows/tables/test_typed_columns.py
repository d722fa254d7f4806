"""Typed answers stand in columns of Arrow's types; what such a column cannot hold is said, value by value."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from airflow_provider_sam.rows.tables.typed_columns import NOT_HELD, column_type

STRING, NULL = {"type": "string"}, {"type": "null"}


@pytest.mark.parametrize(
    ("schema", "kind", "given", "held"),
    [
        (STRING, "string", "a", "a"),
        ({"type": "string", "format": "email"}, "string", "a", "a"),
        ({"type": "integer"}, "int64", 7.0, 7),
        ({"type": "number"}, "double", 7, 7.0),
        ({"type": "boolean"}, "bool", True, True),
        ({"anyOf": [{"type": "integer"}, NULL]}, "int64", None, None),
        ({"type": ["number", "null"]}, "double", 0.5, 0.5),
        ({"allOf": [{"type": "integer"}]}, "int64", 1, 1),
        ({"enum": ["a", "b", None]}, "dictionary<values=string, indices=int32, ordered=0>", "b", "b"),
        ({"const": "a"}, "dictionary<values=string, indices=int32, ordered=0>", "a", "a"),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, "dictionary<values=string, indices=int32, ordered=0>", "a", "a"),
        ({"type": "integer", "enum": [1, 2]}, "int64", 2, 2),
        ({"enum": [1, "a"]}, "string", 1, "1"),
        ({"type": "string", "format": "date"}, "date32[day]", "2026-01-02", date(2026, 1, 2)),
        (
            {"type": "string", "format": "date-time"},
            "timestamp[us, tz=UTC]",
            "2026-01-02T03:00:00+02:00",
            datetime(2026, 1, 2, 1, tzinfo=UTC),
        ),
        (
            {"type": "string", "format": "date-time"},
            "timestamp[us, tz=UTC]",
            "2026-01-02T03:00:00",
            datetime(2026, 1, 2, 3, tzinfo=UTC),
        ),
        ({"type": "array", "items": {"enum": ["a"]}}, "list<item: string>", ["a"], ["a"]),
        (
            {"type": "array", "items": {"type": "string", "format": "date"}},
            "list<item: date32[day]>",
            ["2026-01-02", None],
            [date(2026, 1, 2), None],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": STRING}},
            "struct<a: int64, b: string>",
            {"a": 1},
            {"a": 1, "b": None},
        ),
        ({"type": "array"}, "string", [1, "é"], '[1, "é"]'),
        ({"type": "array", "prefixItems": [STRING], "items": STRING}, "string", ["a"], '["a"]'),
        ({"type": "object"}, "string", {"a": 1}, '{"a": 1}'),
        (
            {"type": "object", "properties": {"a": STRING}, "additionalProperties": STRING},
            "string",
            {"b": "c"},
            '{"b": "c"}',
        ),
        ({"anyOf": [{"type": "integer"}, STRING]}, "string", "a", '"a"'),
        ({}, "string", None, None),
        (True, "string", 1, "1"),
    ],
)
def test_a_schema_has_a_type_of_arrow_and_values_keep_their_meaning(schema, kind, given, held):
    column = column_type(schema)
    assert str(column.arrow) == kind
    assert column.array([given, None]).to_pylist() == [held, None]
    assert column.array([]).type == column.arrow


@pytest.mark.parametrize(
    ("schema", "given", "said"),
    [
        ({"type": "integer"}, 2**63, "it does not fit into 64 bits"),
        ({"type": "integer"}, 1.5, "it is not whole"),
        ({"type": "integer"}, "x", "invalid literal"),
        ({"type": "number"}, 10**400, "too large"),
        ({"type": "string", "format": "date"}, "yesterday", "Invalid isoformat"),
        ({"type": "string", "format": "date-time"}, "9999-12-31T23:59:59-12:00", "out of range"),
        (STRING, "\ud800", "surrogates"),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2**63], "64 bits"),
        ({"type": "object", "properties": {"a": STRING}}, 7, "Could not convert 7"),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_named(schema, given, said):
    column = column_type(schema)
    assert said in column.reason_against(given)
    with pytest.raises(NOT_HELD):
        column.array([None, given])

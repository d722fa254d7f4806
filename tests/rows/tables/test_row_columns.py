"""Columns of rows keep the types that they have, or get those that all rows agree on."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.batch import ArrowRows, PlainRows
from airflow_provider_sam.rows.tables.row_columns import RowColumns

MOMENT = datetime(2026, 1, 2, 3, tzinfo=UTC)


def unified(*batches, names=("x",)):
    """Spool batches and read them again; gives the schema and the values of the first column."""
    with RowColumns(names) as columns:
        for batch in batches:
            columns.add(batch, {"place": pa.array(range(len(batch)))})
        schema = columns.schema()
        read = list(columns.read(schema))
    assert [beside["place"] for _, beside in read] == [list(range(len(batch))) for batch in batches]
    return schema, [value for arrays, _ in read for value in arrays[0].to_pylist()]


def plain(*values):
    return PlainRows({"x": list(values)})


@pytest.mark.parametrize(
    ("batches", "kind", "values"),
    [
        ([[1], [2]], "int64", None),
        ([[None], [2], [None, None]], "int64", None),
        ([[None], [None]], "string", None),
        ([[]], "string", None),
        ([[1], [0.5]], "double", [1.0, 0.5]),
        ([[2**60 + 1], [0.5]], "string", ["1152921504606846977", "0.5"]),
        ([[1], ["a"]], "string", ["1", '"a"']),
        ([["a"], [1, "b"]], "string", ['"a"', "1", '"b"']),
        ([[1, "b"], ["a"]], "string", ["1", '"b"', '"a"']),
        ([[True], [1]], "string", ["true", "1"]),
        ([[date(2026, 1, 2)], [MOMENT]], "string", ['"2026-01-02"', '"2026-01-02 03:00:00+00:00"']),
        ([[MOMENT], [None]], "timestamp[us, tz=UTC]", None),
        ([[Decimal("1.5")], [Decimal("22.25")]], "decimal128(4, 2)", [Decimal("1.50"), Decimal("22.25")]),
        ([[2**70], [1]], "string", [str(2**70), "1"]),
        ([[[1]], [[]], [None]], "list<item: int64>", [[1], [], None]),
        ([[{"a": 1}], [{"a": 2}]], "struct<a: int64>", None),
        ([[{"a": 1}], [[1]]], "string", ['{"a": 1}', "[1]"]),
        ([[{}], [{}]], "string", ["{}", "{}"]),
        ([[b"\xff"], [b""]], "binary", None),
        ([[UUID(int=7)], ["a"]], "string", [str(UUID(int=7)), "a"]),
    ],
)
def test_untyped_values_get_the_type_that_they_have_in_common(batches, kind, values):
    schema, found = unified(*(plain(*batch) for batch in batches))
    assert str(schema.field("x").type) == kind
    assert found == ([value for batch in batches for value in batch] if values is None else values)


@pytest.mark.parametrize(
    "kind", [pa.uint8(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.date64(), pa.time32("s")]
)
def test_types_of_a_source_stay(kind):
    batches = [
        ArrowRows(pa.record_batch({"x": pa.nulls(2, kind)})),
        ArrowRows(pa.record_batch({"x": pa.nulls(0, kind)})),
    ]
    assert unified(*batches) == (pa.schema([("x", kind)]), [None, None])


@pytest.mark.parametrize(
    ("kinds", "common", "value"),
    [
        ((pa.int32(), pa.int64()), pa.int64(), 7),
        ((pa.string(), pa.large_string()), pa.large_string(), "a"),
        ((pa.dictionary(pa.int8(), pa.string()), pa.string()), pa.string(), "a"),
        ((pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.string())), pa.string(), "a"),
        ((pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC")), pa.timestamp("ns", "UTC"), MOMENT),
        ((pa.date32(), pa.date64()), pa.date64(), date(2026, 1, 2)),
    ],
)
def test_types_that_differ_between_files_become_one(kinds, common, value):
    batches = [ArrowRows(pa.record_batch({"x": pa.array([value], kind)})) for kind in kinds]
    assert unified(*batches) == (pa.schema([("x", common)]), [value, value])


def test_moments_of_which_only_some_have_a_zone_become_json():
    kinds = (pa.timestamp("us", "UTC"), pa.timestamp("us"))
    batches = [ArrowRows(pa.record_batch({"x": pa.array([MOMENT], kind)})) for kind in kinds]
    assert unified(*batches)[1] == ['"2026-01-02 03:00:00+00:00"', '"2026-01-02 03:00:00"']


def test_only_the_columns_that_are_asked_for_are_kept_in_their_order():
    schema, _ = unified(PlainRows({"a": [1], "x": ["b"], "c": [None]}), names=("x", "a"))
    assert schema.names == ["x", "a"]


def test_a_column_that_only_some_batches_have_is_null_in_the_others():
    assert unified(plain(1), PlainRows({"y": [2]}))[1] == [1, None]


def test_a_column_that_no_row_has_is_an_error():
    with pytest.raises(SamRequestError, match="columns names 'x', which the rows do not have; they have y, z"):
        unified(PlainRows({"y": [1], "z": [2]}))

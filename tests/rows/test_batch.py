"""A batch of rows gives Python's values and Arrow's types, whatever library its values came from."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from airflow_provider_sam.rows import batch as batches
from airflow_provider_sam.rows.batch import ArrowRows, PlainRows, arrow_batches, where

NAN = float("nan")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
ID = UUID(int=7)


class NAType:
    """As pandas' NA: it cannot be compared."""

    def __bool__(self):
        raise TypeError


class NaTType(NAType):
    """As pandas' NaT."""


class Timestamp(datetime):
    """As a moment of pandas: to the nanosecond, which it warns about."""

    def to_pydatetime(self, warn=True):
        assert not warn
        return datetime(self.year, self.month, self.day)  # noqa: DTZ001 - without a time zone


class Timedelta(timedelta):
    """As a duration of pandas."""

    def to_pytimedelta(self):
        return timedelta(days=self.days)


class float32:  # noqa: N801 - as numpy has it
    """As a number of numpy."""

    __module__ = "numpy"

    def tolist(self):
        return NAN


def test_a_row_says_where_it_stands():
    assert where(PlainRows({"a": [1, 2]}, name="reviews.csv", number=11), 1) == "reviews.csv row 12"
    assert where(PlainRows({"a": [1, 2]}), 0) == "row 1"


def test_a_mapping_that_lacks_a_column_has_none_there():
    rows = PlainRows.of([{"b": 1}, {"a": 2, "b": 3}, {}])
    assert (len(rows), rows.column_names) == (3, ["b", "a"])
    assert (rows.column("a"), rows.column("b")) == ([None, 2, None], [1, 3, None])


def test_only_the_columns_that_are_asked_for_are_taken():
    rows = PlainRows.of([{"a": 1, "b": 2, "c": 3}], columns=["c", "a"])
    assert rows.to_arrow().to_pydict() == {"c": [3], "a": [1]}


def test_a_set_of_columns_has_one_order_in_every_process():
    names = [f"column {number}" for number in range(9)]
    assert PlainRows.of([dict.fromkeys(names)], columns=frozenset(reversed(names))).column_names == names


def test_rows_without_columns_are_still_rows():
    rows = PlainRows.of([{}, {}])
    assert (len(rows), rows.to_arrow().num_rows) == (2, 2)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (NAN, None),
        (Decimal("NaN"), None),
        (NAType(), None),
        (NaTType(), None),
        (Timestamp(2026, 1, 2), datetime(2026, 1, 2)),  # noqa: DTZ001 - as above
        (Timedelta(1), timedelta(1)),
        (float32(), None),
        (memoryview(b"ab"), b"ab"),
        ({"b", "a"}, ["a", "b"]),
        (Decimal("1.10"), Decimal("1.10")),
        (1.5, 1.5),
        ("", ""),
        (ID, ID),
    ],
    ids=repr,
)
def test_a_value_is_one_of_python_and_a_missing_one_is_none(value, plain):
    (found, none) = PlainRows({"a": [value, None]}).column("a")
    assert (found, type(found), none) == (plain, type(plain), None)


@pytest.mark.parametrize(
    ("values", "kind", "found"),
    [
        (["a", None], pa.string(), ["a", None]),
        ([None, None], pa.null(), [None, None]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([Decimal("1.5"), Decimal(10)], pa.decimal128(3, 1), [Decimal("1.5"), Decimal("10.0")]),
        ([MOMENT], pa.timestamp("us", "UTC"), [MOMENT]),
        ([date(2026, 1, 2)], pa.date32(), [date(2026, 1, 2)]),
        ([time(1)], pa.time64("us"), [time(1)]),
        ([timedelta(1)], pa.duration("us"), [timedelta(1)]),
        ([b"\xff"], pa.binary(), [b"\xff"]),
        ([[1], None], pa.list_(pa.int64()), [[1], None]),
        ([{"a": 1}], pa.struct([("a", pa.int64())]), [{"a": 1}]),
        ([ID, None], pa.string(), [str(ID), None]),
        ([1, "a", None], pa.string(), ["1", '"a"', None]),
        ([True, 1], pa.string(), ["true", "1"]),
        ([2**70], pa.string(), [str(2**70)]),
        ([date(2026, 1, 2), MOMENT], pa.string(), ['"2026-01-02"', '"2026-01-02 03:04:05.000006+00:00"']),
        ([{"a": {}}, {}], pa.string(), ['{"a": {}}', "{}"]),
        ([{1: "\u00e9"}], pa.string(), ['{"1": "\u00e9"}']),
        (["\ud800"], pa.string(), ['"\\ud800"']),
    ],
    ids=repr,
)
def test_arrow_has_the_type_that_all_values_have_or_their_json(values, kind, found):
    array = PlainRows({"a": values}).to_arrow().column("a")
    assert (array.type, array.to_pylist()) == (kind, found)


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([1.5, None, NAN]), [1.5, None, None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([1_000_001_999], pa.timestamp("ns", "UTC")), [datetime(1970, 1, 1, 0, 0, 1, 1, UTC)]),
        (pa.array([1_001], pa.time64("ns")).dictionary_encode(), [time(0, 0, 0, 1)]),
        (pa.array([1_000_001], pa.duration("ns")), [timedelta(microseconds=1000)]),
        (pa.array([1_001], pa.time64("ns")), [time(0, 0, 0, 1)]),
        (pa.array([[1_001]], pa.list_(pa.time64("ns"))), [[time(0, 0, 0, 1)]]),
        (pa.array([[1_001]], pa.large_list(pa.time64("ns"))), [[time(0, 0, 0, 1)]]),
        (pa.array([{"a": 1_001}], pa.struct([("a", pa.time64("ns"))])), [{"a": time(0, 0, 0, 1)}]),
        (pa.array([Decimal("1.10")]), [Decimal("1.10")]),
        (pa.array([b"\xff"]), [b"\xff"]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_an_array_of_arrow_gives_values_of_python(array, values):
    rows = ArrowRows(pa.record_batch({"a": array}))
    assert rows.column("a") == values
    assert rows.to_arrow().column("a").type == array.type


@pytest.mark.parametrize(
    "rows", [PlainRows({"a": [1]}), ArrowRows(pa.record_batch({"a": [1]}))], ids=["plain", "arrow"]
)
def test_a_column_that_is_not_there_is_a_key_error(rows):
    with pytest.raises(KeyError):
        rows.column("b")


@pytest.mark.parametrize(
    ("rows", "bytes_each", "sizes"),
    [(0, 8, [0]), (10, 8, [10]), (25, 8, [9, 9, 7]), (6, 400, [2, 2, 2]), (2, 5000, [1, 1])],
)
def test_a_large_record_batch_is_cut_by_rows_and_by_bytes(monkeypatch, rows, bytes_each, sizes):
    monkeypatch.setattr(batches, "MOST_ROWS", 10)
    monkeypatch.setattr(batches, "MOST_BYTES", 1000)
    values = [str(number).rjust(bytes_each) for number in range(rows)]
    found = list(arrow_batches(pa.record_batch({"a": pa.array(values, pa.string())}), name="x", number=5))
    assert [len(piece) for piece in found] == sizes
    assert [value for piece in found for value in piece.column("a")] == values
    assert [piece.number for piece in found] == [5 + sum(sizes[:index]) for index in range(len(sizes))]

"""Rows that a task has at hand: any table that speaks Arrow, and mappings, each as soon as it is there."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections import namedtuple

import pyarrow as pa
import pydantic
import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources import streams
from airflow_provider_sam.rows.sources.source import open_rows

TABLE = pa.table({"id": [1, 2, 3], "text": ["a", None, "c"]})
ROWS = TABLE.to_pylist()


class Frame:
    """A table of some library, of which nothing but its stream is known."""

    def __init__(self, source):
        self._source = source

    def __arrow_c_stream__(self, requested_schema=None):
        return self._source.__arrow_c_stream__(requested_schema)


class Chunk:
    """A table of some library that is one piece."""

    def __init__(self, batch):
        self._batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self._batch.__arrow_c_array__(requested_schema)


class Model(pydantic.BaseModel):
    """A row as people type it."""

    id: int


@dataclasses.dataclass
class Record:
    """Another one."""

    id: int


Named = namedtuple("Named", "id")  # noqa: PYI024 - as `DataFrame.itertuples` makes them


def breaking():
    yield pa.record_batch({"id": [1, 2]})
    raise pa.ArrowInvalid("the connection is lost")


SOURCES = {
    "a table": lambda: TABLE,
    "a record batch": lambda: TABLE.to_batches()[0],
    "a reader": TABLE.to_reader,
    "a stream": lambda: Frame(TABLE),
    "an array": lambda: Chunk(TABLE.to_batches()[0]),
    "pieces": lambda: pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(0, 0), TABLE.slice(1)]),
    "an iterator of tables": lambda: iter([TABLE.slice(0, 1), Frame(TABLE.slice(1))]),
    "a list of mappings": lambda: ROWS,
    "a generator of mappings": lambda: (row for row in ROWS),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("columns", [None, {"text"}, {"id", "text"}])
def test_whatever_holds_rows_gives_them_in_order(read, source, columns):
    found = read(source(), columns)
    assert [dict(sorted(row.items())) for row in found.rows] == [
        {name: row[name] for name in ("id", "text") if not columns or name in columns} for row in ROWS
    ]
    assert found.places == ["row 1", "row 2", "row 3"]


def test_a_table_keeps_its_types_and_has_its_columns_without_rows_too(read):
    assert read(Frame(TABLE), ["text", "id"]).batches[0].to_arrow().schema.equals(TABLE.schema)
    found = read(Frame(TABLE.slice(0, 0)))
    assert (found.sizes, found.batches[0].to_arrow().schema) == ([0], TABLE.schema)


VIEWS = pa.table({"a": pa.array(["x"], pa.string_view()), "b": pa.array([b"x"], pa.binary_view())})


@pytest.mark.parametrize("rows", [0, 1])
def test_the_texts_of_polars_become_those_that_can_be_written(read, rows):
    (batch,) = read(Frame(VIEWS.slice(0, rows))).batches
    assert batch.to_arrow().schema.types == [pa.string(), pa.binary()]
    assert batch.to_arrow().to_pydict() == {"a": ["x"][:rows], "b": [b"x"][:rows]}


def test_no_rows_are_no_batches(read):
    assert read([], ["id"]).batches == []


def test_rows_of_a_database_are_mappings_too(read):
    with sqlite3.connect(":memory:") as connection:
        connection.row_factory = sqlite3.Row
        assert read(connection.execute("SELECT 1 AS id, 'a' AS text")).rows == [{"id": 1, "text": "a"}]
    connection.close()


def test_keys_may_vary_from_row_to_row(read):
    found = read({"id": number, **({"extra": "x"} if number == 2 else {})} for number in range(3))
    assert found.rows == [{"id": number, "extra": "x" if number == 2 else None} for number in range(3)]


def test_rows_are_taken_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr(streams, "MOST_ROWS", 4)
    monkeypatch.setattr(streams, "MOST_BYTES", 1000)
    taken = []

    def rows():
        for number in range(10):
            taken.append(number)
            yield {"id": number, "text": "x" * (900 if number == 5 else 1)}

    batches = open_rows(rows(), columns=["id"])
    assert taken == []
    assert [(len(batch), len(taken)) for batch in batches] == [(4, 4), (2, 6), (4, 10)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ((1, "a"), r"row 2 must be a mapping of columns to values, such as \{'id': 1, .*\}; got tuple"),
        ("a", "got str"),
        (None, "got NoneType"),
        (Named(1), r"got tests\.rows\.sources\.test_streams\.Named: give row\._asdict\(\)"),
        (Model(id=1), r"Model: give row\.model_dump\(\)"),
        (Record(1), r"Record: give dataclasses\.asdict\(row\)"),
        (TABLE, r"got pyarrow\.lib\.Table"),
        ({1: 2}, r"row 2 has a column named 1; names of columns are text"),
    ],
    ids=repr,
)
def test_a_row_that_is_none_is_named_with_the_way_out(read, row, problem):
    with pytest.raises(SamRequestError, match=problem):
        read([{"id": 1}, row])


@pytest.mark.parametrize(
    ("source", "columns", "problem"),
    [
        (TABLE, ["ID"], r"^pyarrow\.lib\.Table has no column 'ID'; its columns are 'id', 'text'\."),
        (ROWS, ["ID"], r"^rows: none of the first 3 rows has the column 'ID'; their columns are 'id', 'text'\."),
        ([{f"c{number}": 1 for number in range(30)}], ["x"], r"'c0', .*'c19', 10 more\."),
        (
            TABLE["id"],
            None,
            r"^rows: pyarrow\.lib\.ChunkedArray cannot be read as a table: .*a single column is no table",
        ),
        (Frame(pa.RecordBatchReader.from_batches(TABLE.schema, [])), ["a"], "Frame has no column 'a'"),
        (
            pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), breaking()),
            None,
            r"RecordBatchReader broke off after row 2: .*the connection is lost\. Nothing",
        ),
    ],
    ids=["table", "mappings", "many columns", "one column", "empty stream", "a break"],
)
def test_what_cannot_be_read_is_an_error_that_says_why(read, source, columns, problem):
    with pytest.raises(SamRequestError, match=problem):
        read(source, columns)

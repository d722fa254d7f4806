"""Parquet is read a piece at a time, with its types, which are the same in every file of a table."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows import batch
from airflow_provider_sam.rows.sources import parquet_files
from airflow_provider_sam.rows.sources.files import RowFile
from airflow_provider_sam.rows.sources.parquet_files import ParquetFiles

TABLE = pa.table(
    {
        "id": pa.array([1, 2, None], pa.int32()),
        "text": ["a", None, "{c}"],
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "price": pa.array([Decimal("1.10"), None, Decimal("2.00")]),
        "at": pa.array([1_000_001_999] * 3, pa.timestamp("ns", "UTC")),
        "day": [date(2026, 1, 2)] * 3,
        "nested": [{"a": [1], "b.c": None}] * 3,
        "dotted.name": [1.5, float("nan"), None],
    }
)


@pytest.fixture
def written(tmp_path):
    """Writes a table and gives the path of its file."""

    def written(table, name="in.parquet", **more):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **more)
        return path

    return written


def test_a_table_arrives_with_its_types_and_its_values(read, written):
    found = read(written(TABLE))
    (rows,) = found.batches
    assert str(pa.Table.from_batches([rows.to_arrow()])).replace("element", "item") == str(TABLE)
    assert rows.column("dotted.name") == [1.5, None, None]
    assert rows.column("at")[0] == datetime(1970, 1, 1, 0, 0, 1, 1, UTC)
    assert found.places == ["row 1", "row 2", "row 3"]


@pytest.mark.parametrize(
    ("columns", "there"),
    [
        ({"text", "id"}, ["id", "text"]),
        (["dotted.name"], ["dotted.name"]),
        (["nested"], ["nested"]),
        ([], []),
    ],
)
def test_only_the_columns_that_are_needed_are_read_in_the_order_of_the_file(read, written, columns, there):
    found = read(written(TABLE), columns)
    assert (found.columns, found.sizes) == (there, [3])
    assert found.batches[0].to_arrow().schema.names == there


def test_a_file_without_rows_still_has_its_columns(read, written):
    found = read(written(TABLE.slice(0, 0)), ["id", "text"])
    assert found.sizes == [0]
    assert found.batches[0].to_arrow().schema.equals(TABLE.select(["id", "text"]).schema)


def test_a_large_row_group_is_read_in_batches(read, written, monkeypatch):
    monkeypatch.setattr(parquet_files, "MOST_ROWS", 100)
    monkeypatch.setattr(batch, "MOST_ROWS", 100)
    table = pa.table({"id": range(250), "wide": [f"{number}" * 99 for number in range(250)]})
    found = read(written(table, row_group_size=200), ["id"])
    assert (max(found.sizes), sum(found.sizes)) == (100, 250)
    assert [row["id"] for row in found.rows] == list(range(250))
    assert found.places[-1] == "row 250"


def test_rows_that_are_large_are_fewer_in_a_batch(read, written, monkeypatch):
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 10_000)
    table = pa.table({"id": range(90), "text": [f"{number}" * 500 for number in range(90)]})
    assert max(read(written(table, use_dictionary=False)).sizes) < 20
    assert read(written(table), ["id"]).sizes == [90]


@pytest.mark.parametrize("encode", [lambda array: array, pa.Array.dictionary_encode], ids=["texts", "a dictionary"])
def test_a_text_that_many_rows_share_counts_for_each_of_them(read, written, monkeypatch, encode):
    monkeypatch.setattr(parquet_files, "MOST_BYTES", 100_000)
    path = written({"text": encode(pa.array(["x" * 10_000] * 500))})
    assert path.stat().st_size < 100_000
    assert max(read(path).sizes) <= 10


def test_the_directories_of_a_table_are_columns_of_text(read, written, tmp_path):
    written({"id": [1, 2]}, "in/day=2026-01-01/part-0.parquet")
    written({"id": [3]}, "in/day=__HIVE_DEFAULT_PARTITION__/part-0.parquet")
    written({"id": [4], "day": [7]}, "in/day=2/part-0.parquet")
    found = read(str(tmp_path / "in"))
    assert [(row["id"], row["day"]) for row in found.rows] == [
        (4, "2"),
        (1, "2026-01-01"),
        (2, "2026-01-01"),
        (3, None),
    ]
    assert found.places[1:3] == ["day=2026-01-01/part-0.parquet row 1", "day=2026-01-01/part-0.parquet row 2"]
    assert read(str(tmp_path / "in"), ["day"]).rows == [{"day": row["day"]} for row in found.rows]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.array([1], pa.int32()), pa.array([2], pa.int64()), pa.int32()),
        (pa.array([1.5], pa.float64()), pa.array([2], pa.float32()), pa.float64()),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.string()),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), pa.string()),
        (pa.array(["a"]), pa.array(["b"]).dictionary_encode(), pa.string()),
        (pa.array(["a"]), pa.nulls(1), pa.string()),
        (pa.array([1], pa.timestamp("us", "UTC")), pa.array([2], pa.timestamp("ms", "UTC")), pa.timestamp("us", "UTC")),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_types_that_are_alike_become_that_of_the_first_file(read, written, tmp_path, first, second, kind):
    written({"a": first}, "in/1.parquet")
    written({"a": second}, "in/2.parquet")
    found = read(str(tmp_path / "in"))
    assert [rows.to_arrow().schema.field("a").type for rows in found.batches] == [kind, kind]
    assert [rows.column("a") for rows in found.batches] == [first.to_pylist(), second.cast(kind).to_pylist()]


def test_a_column_without_a_value_says_nothing_of_the_next_file(read, written, tmp_path):
    written({"a": pa.nulls(1)}, "in/1.parquet")
    written({"a": ["b"]}, "in/2.parquet")
    assert read(str(tmp_path / "in")).rows == [{"a": None}, {"a": "b"}]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (pa.array([1]), pa.array(["1"]), "int64 in .*1.parquet and string in .*2.parquet"),
        (pa.array([1]), pa.array([1.0]), "int64 in .*1.parquet and double in .*2.parquet"),
        (
            pa.array([1], pa.timestamp("us")),
            pa.array([1], pa.timestamp("us", "UTC")),
            r"timestamp\[us\] in .*1.parquet and timestamp\[us, tz=UTC\] in .*2.parquet",
        ),
        (pa.array([[1]]), pa.array([["1"]]), "list<.*int64> in .*1.parquet and list<.*string> in .*2.parquet"),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_a_column_with_two_types_is_an_error_that_names_both_files(read, written, tmp_path, first, second, said):
    written({"id": first, "other": first}, "in/1.parquet")
    written({"id": second, "other": first}, "in/2.parquet")
    with pytest.raises(SamRequestError, match=rf"column 'id' is {said}; write all files with the same type"):
        read(str(tmp_path / "in"), ["id"])
    assert len(read(str(tmp_path / "in"), ["other"]).rows) == 2


def test_a_value_that_the_first_files_type_cannot_hold_is_an_error(read, written, tmp_path):
    written({"a": pa.array([1], pa.int32())}, "in/1.parquet")
    written({"a": [2**40]}, "in/2.parquet")
    with pytest.raises(SamRequestError, match=r"2\.parquet rows 1 to 1: column 'a' does not fit into int32"):
        read(str(tmp_path / "in"))


@pytest.mark.parametrize("columns", [None, ["a"]])
def test_a_column_that_is_missing_in_one_file_of_many_is_an_error(read, written, tmp_path, columns):
    written({"a": [1]}, "in/1.parquet")
    path = written({"b": [1]}, "in/2.parquet")
    if columns:
        with pytest.raises(SamRequestError, match=rf"{path} has no column 'a'; its columns are 'b'"):
            read(str(tmp_path / "in"), columns)
    else:
        assert read(str(tmp_path / "in"), columns).rows == [{"a": 1}, {"b": 1}]


@pytest.mark.parametrize(
    "broken",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda _: b"",
        lambda _: b"id,text\n1,a\n",
        lambda data: data[:1000] + bytes(len(data) - 2000) + data[-1000:],
    ],
    ids=["cut in half", "one byte short", "empty", "no Parquet", "a hole in it"],
)
def test_a_broken_file_is_named(read, written, broken):
    table = pa.table({"id": range(5000), "text": [str(number) * 9 for number in range(5000)]})
    path = written(table, use_dictionary=False, write_page_index=False)
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(
        SamRequestError, match=rf"{path} cannot be read as Parquet: .*If the file is incomplete, write it again"
    ):
        read(path)


def test_a_fault_of_the_file_system_is_none_of_the_file(tmp_path):
    path = object_storage_path((tmp_path / "gone.parquet").as_uri())
    with pytest.raises(FileNotFoundError):
        list(ParquetFiles().read(RowFile(path, "parquet"), None))


def test_two_columns_of_one_name_are_an_error_where_they_are_needed(read, tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * 3, ["a", "a", "b"]), path)
    assert read(path, ["b"]).rows == [{"b": 1}]
    with pytest.raises(SamRequestError, match="has two columns named 'a'; rename one"):
        read(path)

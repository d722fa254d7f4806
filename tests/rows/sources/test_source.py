"""Rows come from what holds rows; what only looks like it is refused by name, with the way out."""

from __future__ import annotations

import io
import types
from pathlib import Path

import pytest

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources.source import TABLE_MARKS, open_rows


class Named:
    """Looks like a table in one way alone, and gives the names of its columns when it is iterated."""

    def __init__(self, mark):
        setattr(self, mark, "something")

    def __iter__(self):
        return iter(["id", "text"])


@pytest.mark.parametrize("kind", [str, Path, lambda path: path.as_uri(), lambda path: ObjectStoragePath(path.as_uri())])
def test_a_path_may_be_written_in_any_way(read, tmp_path, kind):
    path = tmp_path / "in.csv"
    path.write_text("id\n1\n")
    assert read(kind(path), ["id"]).rows == [{"id": "1"}]


def test_nothing_is_looked_at_before_the_first_batch_is_asked_for(tmp_path):
    rows = open_rows(str(tmp_path / "none.csv"), columns=None)
    with pytest.raises(SamRequestError, match=r"none\.csv does not exist"):
        next(rows)


@pytest.mark.parametrize(
    ("source", "name", "way_out"),
    [
        ({"id": [1], "text": ["a"]}, "dict", "write one mapping a row, .*, or pyarrow.table"),
        (types.MappingProxyType({"a": []}), "mappingproxy", "write one mapping a row"),
        *(
            (Named(mark), r"tests\.rows\.sources\.test_source\.Named", r"as by pyarrow\.Table\.from_pandas\(df\)")
            for mark in TABLE_MARKS
        ),
        ({"a"}, "set", "a set has another order in every process: give a list"),
        (frozenset("a"), "frozenset", "give a list"),
        (io.StringIO("id\n1\n"), r"_io\.StringIO", "give the path of the file, or what its reader makes of it"),
        (b"id\n1\n", "bytes", "give the path of the file"),
        (bytearray(), "bytearray", "give the path of the file"),
        (None, "NoneType", r"write one mapping a row, such as \[\{'id': 1"),
        (5, "int", "write one mapping a row"),
    ],
)
def test_what_only_looks_like_rows_is_refused_by_name_with_the_way_out(read, source, name, way_out):
    with pytest.raises(SamRequestError, match=f"^rows must be a path, .*, got {name}; .*{way_out}"):
        read(source)


class Lazy:
    """As a LazyFrame of polars: it warns whoever looks at its columns."""

    @property
    def columns(self):
        pytest.fail("its columns are looked at")

    def collect(self):
        """Would read it."""


def test_a_table_that_is_not_read_yet_is_to_be_collected(read):
    with pytest.raises(SamRequestError, match=r"Lazy; it has no rows yet: give what its collect\(\) returns"):
        read(Lazy())


@pytest.mark.parametrize("path", ["in.csv", "{{ var.value.path }}"])
def test_a_path_without_a_scheme_is_refused(read, path):
    with pytest.raises(SamRequestError, match=r"rows .* has no scheme"):
        read(path)

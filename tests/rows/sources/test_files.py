"""A path means one file, a directory with all that is below it, or a pattern; always in the same order."""

from __future__ import annotations

import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources.files import row_files

TABLE = [
    "day=2026-01-02/part-0.csv",
    "day=2026-01-01/part-1.csv",
    "day=2026-01-01/part-0.CSV",
    "day=2026-01-01/notes.txt",
    "day=2026-01-01/_SUCCESS",
    "day=2026-01-01/.part-9.csv",
    "_temporary/0/part-5.csv",
    ".hidden/part-6.csv",
    "part-7.csv.gz",
    "part-8.csv.zst",
]


@pytest.fixture
def table(tmp_path):
    """A directory of files that hold nothing."""

    def table(names=TABLE):
        for name in names:
            file = tmp_path / "in" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return (tmp_path / "in").as_uri()

    return table


def files(place):
    return row_files(object_storage_path(place))


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (
            "",
            [
                "day=2026-01-01/part-0.CSV",
                "day=2026-01-01/part-1.csv",
                "day=2026-01-02/part-0.csv",
                "part-7.csv.gz",
                "part-8.csv.zst",
            ],
        ),
        ("/day=2026-01-01", ["part-0.CSV", "part-1.csv"]),
        ("/day=2026-01-01/", ["part-0.CSV", "part-1.csv"]),
        ("/*.csv*", ["part-7.csv.gz", "part-8.csv.zst"]),
        ("/day=*/part-0.*", ["day=2026-01-01/part-0.CSV", "day=2026-01-02/part-0.csv"]),
        ("/day=2026-01-0[12]", ["day=2026-01-01/part-0.CSV", "day=2026-01-01/part-1.csv", "day=2026-01-02/part-0.csv"]),
        ("/**/part-1.csv", [""]),
        ("/**/part-?.csv", ["day=2026-01-01/part-1.csv", "day=2026-01-02/part-0.csv"]),
        ("/_temporary/0/*.csv", [""]),
        ("/_*/0/*.csv", [""]),
        ("/day=2026-01-01/part-0.CSV", [""]),
    ],
)
def test_a_path_gives_its_files_by_their_names_and_nothing_hidden(table, place, names):
    found = files(table() + place)
    assert [file.name for file in found] == names
    assert all(file.path.is_file() and file.format == "csv" for file in found)


@pytest.mark.parametrize(
    ("names", "place", "partitions"),
    [
        (["a=1/b=x%20y/f.csv"], "", {"a": "1", "b": "x y"}),
        (["a=__HIVE_DEFAULT_PARTITION__/f.csv"], "", {"a": None}),
        (["a=/f.csv"], "", {"a": ""}),
        (["=1/f.csv", "plain/f=2.csv"], "", {}),
        (["a=1/b=2/f.csv"], "/a=1", {"b": "2"}),
        (["a=1/b=2/f.csv"], "/a=1/*/*.csv", {"b": "2"}),
        (["a=1/b=2/f.csv"], "/a=*", {"a": "1", "b": "2"}),
        (["a=1/b=2/f.csv"], "/a=1/b=2/f.csv", {}),
    ],
)
def test_directories_below_the_path_name_columns(table, names, place, partitions):
    assert files(table(names) + place)[0].partitions == partitions


@pytest.mark.parametrize(
    ("names", "place", "problem"),
    [
        ([], "/none.csv", r"none\.csv does not exist"),
        (["_SUCCESS"], "", r"in contains no table \(\.parquet, \.csv, "),
        (["a.csv"], "/*.parquet", r"\*\.parquet contains no table"),
        (["a.xlsx"], "/a.xlsx", r"a\.xlsx has no suffix that says what it holds; rows come from \.parquet, \.csv,"),
        (
            ["a.csv", "b.parquet"],
            "",
            r"contains tables of several formats, a\.csv and b\.parquet; select some with a pattern",
        ),
    ],
)
def test_what_holds_no_table_is_an_error_and_not_an_empty_one(table, names, place, problem):
    with pytest.raises(SamRequestError, match=problem):
        files(table(names) + place)

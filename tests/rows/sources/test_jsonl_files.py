"""A JSONL file has an object on each line; a line that is none is named."""

from __future__ import annotations

import gzip

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources import jsonl_files

TEXT = b'\xef\xbb\xbf{"id": 1, "text": "\xe2\x80\xa8{x}"}\r\n\n{"id": 2, "more": {"a": [1, null]}}'
ROWS = [{"id": 1, "text": "\u2028{x}", "more": None}, {"id": 2, "text": None, "more": {"a": [1, None]}}]


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def written(data, name="in.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return written


@pytest.mark.parametrize(("name", "data"), [("in.jsonl", TEXT), ("in.NDJSON.gz", gzip.compress(TEXT))])
def test_every_object_is_a_row_and_every_field_a_column(read, written, name, data):
    found = read(written(data, name))
    assert (found.rows, found.places) == (ROWS, ["row 1", "row 2"])


def test_only_the_columns_that_are_needed_are_taken(read, written):
    assert read(written(TEXT), ["more", "id"]).rows == [{"more": row["more"], "id": row["id"]} for row in ROWS]


def test_the_directories_of_a_table_are_columns(read, written, tmp_path):
    written(b'{"id": 1}', "in/day=1/f.jsonl")
    written(b'{"id": 2}', "in/day=2/f.jsonl")
    assert read(str(tmp_path / "in")).rows == [{"id": 1, "day": "1"}, {"id": 2, "day": "2"}]


def test_an_empty_file_has_no_rows(read, written):
    assert read(written(b"\n"), ["id"]).batches == []


def test_a_file_is_read_in_batches_by_rows_and_by_bytes(read, written, monkeypatch):
    monkeypatch.setattr(jsonl_files, "MOST_ROWS", 4)
    monkeypatch.setattr(jsonl_files, "MOST_BYTES", 100)
    found = read(written(b'{"a": 1}\n' * 9 + b'{"a": "%s"}\n{"a": 2}\n' % (b"y" * 99)))
    assert (found.sizes, found.places[-1]) == ([4, 4, 2, 1], "row 11")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"a": 1}\n\n{"a": }\n', r"in\.jsonl row 2 \(line 3\) is not a JSON object: JSON is malformed"),
        (b"[1]\n", r"in\.jsonl row 1 \(line 1\) is not a JSON object: Expected `object`, got `array`"),
        (b'{"a": "\xff"}\n', r"in\.jsonl row 1 \(line 1\) is not a JSON object: "),
        (b'{"a": 1}\n{"a": 2', r"in\.jsonl row 2 \(line 2\) is not a JSON object: Input data was truncated"),
        (b'{"a": NaN}\n', r"in\.jsonl row 1 \(line 1\) is not a JSON object: "),
    ],
)
def test_a_line_that_is_no_object_is_named(read, written, data, problem):
    with pytest.raises(SamRequestError, match=problem):
        read(written(data))


def test_a_column_that_no_row_has_is_named_with_those_that_there_are(read, written):
    problem = (
        r"in\.jsonl: none of the first 2 rows has the column 'txt'; their columns are 'id', 'text', 'more'\. Nothing"
    )
    with pytest.raises(SamRequestError, match=problem):
        read(written(TEXT), ["id", "txt"])


def test_a_line_that_is_too_long_is_refused(read, written, monkeypatch):
    monkeypatch.setattr(jsonl_files, "LONGEST_LINE", 1000)
    with pytest.raises(SamRequestError, match=r"in\.jsonl line 2 is longer than 1000 bytes; is it a table with a row"):
        read(written(b'{"a": 1}\n' + b"x" * 1001))

"""CSV is text with a header: what it holds arrives as it is, and what is not valid CSV is refused where it breaks."""

from __future__ import annotations

import csv
import gzip

import pytest
import zstandard

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources import csv_files

TEXT = b'id,text\n007,"a ""b""\nc, {d}"\r\n\n8,\n'
ROWS = [{"id": "007", "text": 'a "b"\nc, {d}'}, {"id": "8", "text": None}]


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def written(data, name="in.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return written


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.csv", TEXT),
        ("in.csv", b"\xef\xbb\xbf" + TEXT.replace(b"\n8", b"\r\n8").replace(b"id,text\n", b'"id",text\r\n')),
        ("in.csv.gz", gzip.compress(TEXT)),
        ("in.csv.zst", zstandard.compress(TEXT)),
        ("in.csv", TEXT.rstrip(b"\n")),
    ],
    ids=["plain", "as Excel writes it", "gzip", "zstd", "without a last line feed"],
)
def test_a_table_arrives_as_text_and_what_is_empty_as_none(read, written, name, data):
    found = read(written(data, name))
    assert (found.rows, found.places, found.columns) == (ROWS, ["row 1", "row 2"], ["id", "text"])


def test_only_the_columns_that_are_needed_are_taken_in_the_order_of_the_file(read, written):
    assert read(written(b"a,b,c\n1,2,3\n"), {"c", "a"}).rows == [{"a": "1", "c": "3"}]


def test_a_header_alone_is_a_table_without_rows(read, written):
    found = read(written(b"id,text"))
    assert (found.sizes, found.columns) == ([0], ["id", "text"])


def test_a_table_is_read_in_batches_by_rows_and_by_bytes(read, written, monkeypatch):
    monkeypatch.setattr(csv_files, "MOST_ROWS", 4)
    monkeypatch.setattr(csv_files, "MOST_BYTES", 100)
    found = read(written(b"a\n" + b"x\n" * 9 + b"y" * 99 + b"\nz\n"))
    assert (found.sizes, len(found.rows), found.places[-1]) == ([4, 4, 2, 1], 11, "row 11")


def test_the_directories_of_a_table_are_columns(read, written, tmp_path):
    written(b"id,a\n1,x\n", "in/day=1/f.csv")
    written(b"id,a\n2,y\n", "in/day=2/f.csv")
    found = read(str(tmp_path / "in"), {"day", "id"})
    assert found.rows == [{"id": "1", "day": "1"}, {"id": "2", "day": "2"}]
    assert found.places == ["day=1/f.csv row 1", "day=2/f.csv row 1"]


def test_a_long_text_is_read_and_the_limit_of_the_library_is_as_before(read, written):
    before = csv.field_size_limit()
    text = "x" * (before + 1)
    assert read(written(f"a\n{text}\n".encode())).rows == [{"a": text}]
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", r"in\.csv is empty: a CSV file begins with the names of its columns"),
        (b"\n\n", r"in\.csv is empty"),
        (b"id;text\n1;a\n", r"in\.csv has semicolons between its columns \('id;text'\): save it with commas, or .*';'"),
        (b"id\ttext\n", r"in\.csv has tabs between its columns"),
        (b"id,text,id\n", r"in\.csv has two columns named 'id'; rename one"),
        (
            b'id,text\n1,a\n2,"b\n3,c\n4,d\n',
            r"in\.csv row 2 \(line 3\) column 'text' is not valid CSV: a quote is opened and never closed; a",
        ),
        (
            b'id,text,more\n1,"a",x\n2,"b"c,x\n',
            r"in\.csv row 2 \(line 3\) column 'text' is not valid CSV: ',' expected after '\"'; a quote inside",
        ),
        (
            b'id,text\n1,"a\n2,"b"\n',
            r"in\.csv row 1 \(line 2\) column 'text' is not valid CSV: ',' expected after '\"'",
        ),
        (b'id,"text\n1,a\n', r"in\.csv line 1 is not valid CSV: a quote is opened and never closed"),
        (b"id,text\n\n1,a\n2\n", r"in\.csv row 2 \(line 4\) ends before column 'text': it has 1 of 2 values"),
        (b"id,text\n1,a,b\n", r"in\.csv row 1 \(line 2\) goes on after its last column, 'text': it has 3 values for 2"),
        (b"id,text\n1,\xe4\n", r"in\.csv line 2 is not UTF-8: save the file as UTF-8"),
        ("id,text\n1,a\n".encode("utf-16"), r"in\.csv line 1 is not UTF-8"),
        (b"id,text\r1,a\r", r"in\.csv line 1 is not valid CSV: new-line character"),
    ],
)
def test_what_is_no_csv_is_refused_where_it_breaks(read, written, data, problem):
    with pytest.raises(SamRequestError, match=problem):
        read(written(data))


def test_a_quote_that_takes_in_too_much_is_refused_where_it_opens(read, written, monkeypatch):
    monkeypatch.setattr(csv_files, "LONGEST_VALUE", 1000)
    data = b'id,text\n1,a\n2,"b\n' + b"3,c\n" * 300
    with pytest.raises(SamRequestError, match=r"row 2 \(line 3\) column 'text' is not valid CSV: field larger than"):
        read(written(data))


def test_a_line_without_an_end_is_refused(read, written, monkeypatch):
    monkeypatch.setattr(csv_files, "LONGEST_LINE", 1000)
    with pytest.raises(SamRequestError, match=r"in\.csv line 2 is longer than 1000 bytes"):
        read(written(b"a\n" + b"x" * 1001))


def test_a_column_that_is_not_there_is_named_with_those_that_are(read, written):
    with pytest.raises(SamRequestError, match=r"in\.csv has no column 'txt'; its columns are 'id', 'text'\. Nothing"):
        read(written(TEXT), {"id", "txt"})


def test_a_compressed_file_that_is_cut_is_refused(read, written):
    with pytest.raises(SamRequestError, match=r"in\.csv\.gz cannot be decompressed"):
        read(written(gzip.compress(TEXT * 100)[:-9], "in.csv.gz"))

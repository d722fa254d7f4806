"""Whatever a file holds, its rows arrive as they were written, or an error says that it is broken."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources.source import open_rows
from tests.rows.reading import Read

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TABLES = st.lists(st.fixed_dictionaries({"id": TEXTS, "a {b}": TEXTS}), max_size=20)
ANY_CSV = st.text(st.sampled_from('",;\n\r\0 a\u00e9'), max_size=40).map(str.encode) | st.binary(max_size=40)


def parquet():
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": range(50), "text": ["x"] * 50}), sink)
    return sink.getvalue()


PARQUET = parquet()


def read(data, suffix):
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        Path(file.name).write_bytes(data)
        return Read(list(open_rows(file.name, columns=None))).rows


@given(TABLES)
@settings(deadline=None)
def test_any_texts_arrive_from_csv_as_they_were_written(rows):
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, ["id", "a {b}"])
    writer.writeheader()
    writer.writerows(rows)
    assert read(sink.getvalue().encode(), ".csv") == [{key: text or None for key, text in row.items()} for row in rows]


@given(TABLES)
@settings(deadline=None)
def test_any_texts_arrive_from_jsonl_as_they_were_written(rows):
    assert read("".join(json.dumps(row) + "\n" for row in rows).encode(), ".jsonl") == rows


@given(ANY_CSV)
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_csv_or_an_error(data):
    with suppress(SamRequestError):
        assert all(row for row in read(data, ".csv"))


@given(st.integers(0, len(PARQUET) - 1))
@settings(deadline=None)
def test_any_beginning_of_a_parquet_file_is_an_error(length):
    with pytest.raises(SamRequestError, match=r"cannot be read as Parquet: .* If the file is incomplete"):
        read(PARQUET[:length], ".parquet")

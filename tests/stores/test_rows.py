"""Rows are read from a store through a connection as from a local disk, and only as much of them as is needed."""

from __future__ import annotations

import gzip
import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sources.source import open_rows
from tests.rows.reading import Read

pytestmark = [pytest.mark.stores, pytest.mark.timeout(300)]

ROWS = 20_000


def parquet(start, rows=ROWS):
    """Write a table with a column that is large and not needed."""
    noise = random.Random(start)
    table = {
        "id": range(start, start + rows),
        "text": [f"text {number}" for number in range(start, start + rows)],
        "noise": [noise.randbytes(400) for _ in range(rows)],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink, row_group_size=-(-rows // 3), compression="none", use_dictionary=False)
    return sink.getvalue()


def read(source, columns=None, **more):
    return Read(list(open_rows(source, columns=columns, **more)))


def test_a_table_of_many_files_is_read_in_the_order_of_their_names(store):
    store.put("table/day=2026-01-02/part-0.parquet", parquet(5, 3))
    store.put("table/day=2026-01-01/part-1.parquet", parquet(3, 2))
    store.put("table/day=2026-01-01/part-0.parquet", parquet(0, 3))
    store.put("table/day=2026-01-01/.part-0.parquet.crc", b"crc")
    store.put("table/_SUCCESS", b"")
    expected = [(number, "2026-01-01" if number < 5 else "2026-01-02") for number in range(8)]
    for place in ("table", "table/", "table/**/*.parquet", "table/day=2026-01-0[12]"):
        found = read(f"{store.root}/{place}", {"id", "day"})
        assert [(row["id"], row["day"]) for row in found.rows] == expected
    assert found.places[3] == "day=2026-01-01/part-1.parquet row 1"


def test_text_files_are_found_by_a_pattern_and_decompressed(store):
    store.put("in/b.csv.gz", gzip.compress(b"id\n2\n"))
    store.put("in/a.csv", b"id\n1\n")
    store.put("in/c.jsonl", b'{"id": 3}\n')
    assert read(f"{store.root}/in/*.csv*").rows == [{"id": "1"}, {"id": "2"}]
    assert read(f"{store.root}/in/c.jsonl").rows == [{"id": 3}]


def test_the_connection_may_be_given_beside_the_path(s3):
    s3.put("in/a.csv", b"id\n1\n")
    assert read("s3://lake/in/a.csv", storage_conn_id="my_s3").rows == [{"id": "1"}]


def test_only_the_columns_that_are_needed_cross_the_network(s3, monkeypatch):
    data = parquet(0)
    s3.put("in.parquet", data)
    fetched = []
    fetch = s3fs.S3File._fetch_range

    def counting(self, start, end):
        fetched.append(end - start)
        return fetch(self, start, end)

    monkeypatch.setattr(s3fs.S3File, "_fetch_range", counting)
    found = read(f"{s3.root}/in.parquet", ["id", "text"])
    assert [row["id"] for row in found.rows] == list(range(ROWS))
    assert 0 < sum(fetched) < len(data) / 5
    assert len(fetched) < 20


def test_a_file_that_was_cut_is_named(store):
    data = parquet(0, 3000)
    store.put("in.parquet", data[: len(data) // 2])
    with pytest.raises(SamRequestError, match=r"in\.parquet cannot be read as Parquet: .*If the file is incomplete"):
        read(f"{store.root}/in.parquet")


def test_a_pattern_that_the_store_would_cut_is_refused(store):
    store.put("in/part-1.csv", b"id\n1\n")
    assert read(f"{store.root}/in/part-?.csv").rows == [{"id": "1"}]
    with pytest.raises(SamRequestError, match=r"in/part-\?' would become '.*in/part-'; write \* or \[0-9\]"):
        read(f"{store.root}/in/part-?")


@pytest.mark.parametrize("place", ["none.csv", "none/", "none/*.csv"])
def test_nothing_at_the_path_is_an_error(store, place):
    with pytest.raises(SamRequestError, match=r"does not exist|contains no table"):
        read(f"{store.root}/{place}")

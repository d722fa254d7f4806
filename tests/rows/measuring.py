"""A program that reads tables of every kind, small and large, and tells by how many megabytes it grew at most.

It forks for each, so that none costs the start of an interpreter, nor uses the memory of the one before.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_sam._compat import BaseHook, object_storage_path
from airflow_provider_sam.rows.sources.source import open_rows
from airflow_provider_sam.rows.sql import SqlRows
from tests.batches.measuring import memory

PIECE = 10_000
"""Rows that are written at once."""


def rows(count):
    """Make rows of 200 bytes, about; no two texts are alike."""
    for number in range(count):
        yield {"id": number, "text": f"{number:09d} " * 15, "rest": "x" * 40}


def pieces(count):
    """Make the same rows as record batches."""
    there = rows(count)
    while some := list(islice(there, PIECE)):
        yield pa.RecordBatch.from_pylist(some)


def parquet(count, folder):
    """Write one file of one row group, and return its path."""
    path = folder / f"{count}.parquet"
    # All rows at once, or they would not be of one row group.
    pq.write_table(pa.Table.from_batches(list(pieces(count))), path, row_group_size=count, use_dictionary=False)
    return str(path)


def comma_separated(count, folder):
    """Write a CSV file, and return its path."""
    path = folder / f"{count}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "rest"])
        writer.writeheader()
        writer.writerows(rows(count))
    return str(path)


def jsonl(count, folder):
    """Write a JSONL file, and return its path."""
    path = folder / f"{count}.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(count))
    return str(path)


def database(count, folder):
    """Write a database, and return its path."""
    path = folder / f"{count}.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE rows (id, text, rest)")
        connection.executemany("INSERT INTO rows VALUES (:id, :text, :rest)", rows(count))
    return str(path)


def query(path):
    """Return the rows of a database, as a task asks for them."""
    BaseHook.get_hook = lambda _: SimpleNamespace(get_conn=lambda: sqlite3.connect(path))
    return SqlRows("SELECT * FROM rows", "db")


def nothing(count, _folder):
    """Write nothing, and return how many rows there are to be."""
    return count


KINDS = {
    "parquet": (parquet, str),
    "csv": (comma_separated, str),
    "jsonl": (jsonl, str),
    "sql": (database, query),
    "an Arrow stream": (
        nothing,
        lambda count: pa.RecordBatchReader.from_batches(next(pieces(1)).schema, pieces(count)),
    ),
    "a generator": (nothing, rows),
}
"""How a source is written, and what a task is given of what that returns."""


def in_a_child(work):
    """Return what `work` returns in a process of its own."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = json.load(answer)
    os.waitpid(child, 0)
    return told


def measured(source):
    """Read a source, and return how many rows it has, and the megabytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before, count = memory("VmRSS"), 0
    for batch in open_rows(source, columns={"id", "text"}):
        count += len(list(zip(batch.column("id"), batch.column("text"), strict=True)))
    return {"rows": count, "megabytes": memory("VmHWM") - before}


def main(folder, *counts):
    """Print a line of JSON for each kind and each number of rows."""
    object_storage_path("file:///").exists()  # loads the file systems of all providers, here and not in every child
    for write, given in KINDS.values():  # and whatever else is loaded once
        list(open_rows(given(write(1, Path(folder))), columns=None))
    for kind, (write, given) in KINDS.items():
        for count in map(int, counts):
            written = in_a_child(lambda write=write, count=count: write(count, Path(folder)))
            told = in_a_child(lambda given=given, written=written: measured(given(written)))
            sys.stdout.write(json.dumps({"kind": kind, **told}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

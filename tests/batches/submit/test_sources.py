"""Requests come from a list, an iterator, or JSONL in one file or many, plain or compressed; never cut short."""

from __future__ import annotations

import gzip
import io
import types

import pytest
import zstandard

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import reading
from airflow_provider_sam.batches.submit.sources import TABLE_MARKS, blocks_at, entries_of


class Named:
    """Looks like a table in one way alone, and gives the names of its columns when it is iterated."""

    def __init__(self, mark):
        setattr(self, mark, None)

    def __iter__(self):
        return iter(["custom_id", "prompt"])


LINES = [b'{"a": "\xe2\x80\xa8"}', b'"prompt"', b"{}"]
TEXT = LINES[0] + b"\r\n\n" + LINES[1] + b"\n" + LINES[2]


def entries(path):
    return [entry for block in blocks_at(ObjectStoragePath(path)) for entry in block.entries()]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.jsonl", TEXT),
        ("in.jsonl.gz", gzip.compress(TEXT)),
        ("in.jsonl.gz", gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:])),
        ("in.jsonl.zst", zstandard.compress(TEXT)),
        ("in.jsonl.zst", zstandard.compress(TEXT[:5]) + zstandard.compress(TEXT[5:])),
    ],
    ids=["plain", "gzip", "two gzip members", "zstd", "two zstd frames"],
)
def test_a_file_gives_its_lines_with_their_numbers(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    found = entries((tmp_path / name).as_uri())
    assert [entry.value for entry in found] == LINES
    assert [entry.where() for entry in found] == ["line 1", "line 3", "line 4"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.jsonl.gz", gzip.compress(TEXT)[:-9]),
        ("in.jsonl.gz", TEXT),
        ("in.jsonl.zst", zstandard.compress(TEXT)[:-3]),
        ("in.jsonl.zst", zstandard.compress(TEXT) + zstandard.compress(TEXT)[:8]),
        ("in.jsonl.zst", TEXT),
    ],
    ids=["gzip cut", "no gzip", "zstd cut", "zstd cut in its second frame", "no zstd"],
)
def test_a_compressed_file_that_is_cut_short_is_an_error(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SamRequestError, match=rf"{name} cannot be decompressed"):
        entries((tmp_path / name).as_uri())


@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 1000])
def test_a_file_is_read_no_further_than_its_first_line_that_is_too_long(tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(reading, "CHUNK_BYTES", chunk_bytes)
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"1\n" * 50 + b"x" * 30 + b"\n1\n" + b"x" * 31)
    blocks = list(blocks_at(ObjectStoragePath(path.as_uri()), longest=31))
    assert sum(len(list(block.entries())) for block in blocks) == 53
    with pytest.raises(SamRequestError, match=r"^line 53 is longer than 30 bytes, the limit of max_batch_bytes"):
        list(blocks_at(ObjectStoragePath(path.as_uri()), longest=30))


@pytest.mark.parametrize("place", ["", "/", "/part-*", "/*.jsonl*"])
def test_a_directory_or_a_pattern_gives_its_files_by_their_names(tmp_path, place):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "part-2.jsonl.gz").write_bytes(gzip.compress(b"2"))
    (folder / "part-1.jsonl").write_bytes(b"\n1")
    (folder / "_SUCCESS").touch()
    found = entries(folder.as_uri() + place)
    assert [(entry.where(), entry.value) for entry in found] == [
        ("part-1.jsonl line 2", b"1"),
        ("part-2.jsonl.gz line 1", b"2"),
    ]


@pytest.mark.parametrize(
    ("place", "problem"),
    [("none.jsonl", "does not exist"), ("", "holds no file of requests"), ("*.jsonl", "holds no file of requests")],
)
def test_nothing_at_the_path_is_an_error_and_not_an_empty_input(tmp_path, place, problem):
    with pytest.raises(SamRequestError, match=problem):
        entries(f"{tmp_path.as_uri()}/{place}")


def test_a_list_is_read_one_by_one():
    taken = []

    def requests():
        for number in range(3):
            taken.append(number)
            yield {"n": number}

    found = entries_of(requests())
    assert next(found).value == {"n": 0}
    assert taken == [0]
    assert [entry.where() for entry in found] == ["requests[1]", "requests[2]"]


@pytest.mark.parametrize("given", ["[]", b"[]", {"custom_id": "a"}, None, 5], ids=repr)
def test_what_is_no_list_of_requests_is_an_error(given):
    with pytest.raises(SamRequestError, match="requests must be a list of mappings or prompts, got"):
        list(entries_of(given))


@pytest.mark.parametrize(
    ("given", "name", "way_out"),
    [
        ({"custom_id": ["a"], "prompt": ["b"]}, "dict", "one mapping a request"),
        (types.MappingProxyType({"a": []}), "mappingproxy", "one mapping a request"),
        *(
            (Named(mark), r"tests\.batches\.submit\.test_sources\.Named", "make requests of its rows")
            for mark in TABLE_MARKS
        ),
        ({"a"}, "set", "give a list"),
        (frozenset("a"), "frozenset", "give a list"),
        (io.BytesIO(b"{}"), r"_io\.BytesIO", "ObjectStorageToSamBatchOperator"),
        (bytearray(b"{}"), "bytearray", "ObjectStorageToSamBatchOperator"),
        ("{{ x }}", "str", "`.output` rather than a template"),
    ],
)
def test_what_only_looks_like_a_list_is_refused_by_name_with_the_way_out(given, name, way_out):
    with pytest.raises(SamRequestError, match=f"got {name}; .*{way_out}"):
        list(entries_of(given))


def test_bytes_in_a_list_are_not_taken_for_a_request():
    with pytest.raises(SamRequestError, match=r"requests\[0\] must be a mapping with params, or a prompt; got bytes"):
        list(entries_of([b"{}"]))

"""Compressed files are read as they were written, frame after frame; one that is cut short is never taken for whole."""

from __future__ import annotations

import gzip
import sys

import pytest
import zstandard

from airflow_provider_sam._compat import AirflowOptionalProviderFeatureException, ObjectStoragePath
from airflow_provider_sam.batches import compression
from airflow_provider_sam.batches.compression import CorruptFileError, compressor_for, decompressed
from airflow_provider_sam.batches.land.encoders import encoder_for
from airflow_provider_sam.batches.submit.sources import blocks_at
from airflow_provider_sam.results import iter_published

TEXT = b'{"a": 1}\n' * 20_000
SUFFIXED = ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst"]
COMPRESS = {".gz": gzip.compress, ".zst": zstandard.compress}


def stored(name, data):
    compressor = compressor_for(name)
    return compressor.compress(data) + compressor.flush() if compressor else data


def read(data, name, size=1000):
    return b"".join(decompressed((data[start : start + size] for start in range(0, len(data), size)), name))


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", SUFFIXED)
def test_what_is_written_is_read_whatever_the_size_of_the_chunks(name, size):
    data = stored(name, TEXT[:900])
    assert read(data, name, size) == TEXT[:900]


@pytest.mark.parametrize("name", SUFFIXED)
def test_the_same_data_gives_the_same_bytes(name):
    assert stored(name, TEXT) == stored(name, TEXT)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_several_frames_are_one_file_and_other_programs_read_ours(suffix):
    compress = COMPRESS[suffix]
    assert read(compress(TEXT[:5]) + compress(b"") + compress(TEXT[5:]), f"x{suffix}") == TEXT
    ours = stored(f"x{suffix}", TEXT)
    others = gzip.decompress(ours) if suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj().decompress(ours)
    assert others == TEXT


def test_zeros_behind_a_gzip_file_are_padding_and_zeros_instead_of_one_are_an_error():
    assert read(gzip.compress(TEXT) + bytes(2000), "x.gz") == TEXT
    with pytest.raises(CorruptFileError):
        read(bytes(2000), "x.gz")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:3],
        lambda data: data + data[:9],
        lambda _: TEXT,
        lambda data: data + TEXT,
    ],
    ids=["cut", "cut in its header", "second frame cut", "not compressed", "something behind it"],
)
@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_file_that_is_cut_short_or_of_another_kind_is_an_error(suffix, damage):
    with pytest.raises(CorruptFileError):
        read(damage(COMPRESS[suffix](TEXT)), f"x{suffix}")


def test_a_few_bytes_that_become_many_come_in_pieces(monkeypatch):
    monkeypatch.setattr(compression, "COMPRESSED_BYTES", 1 << 10)
    pieces = list(decompressed([gzip.compress(bytes(50_000_000))], "x.gz"))
    assert sum(map(len, pieces)) == 50_000_000
    assert max(map(len, pieces)) < 2_000_000


def published(path):
    file = {"path": path.as_uri(), "format": "jsonl", "lines": 1, "bytes": 1, "sha256": ""}
    counts = {"succeeded": 1, "errored": 0, "canceled": 0, "expired": 0}
    total = {"lines": 1, "bytes": 1, "counts": counts, "stop_reasons": {}, "usage": {}, "errors": []}
    moment = "2026-01-01T00:00:00.000+00:00"
    whole = {"version": 1, "format": "jsonl", "carried_over": None, "published_at": moment, "total": total}
    return whole | {"files": [file], "batches": []}


@pytest.mark.parametrize(
    "use",
    [
        lambda path: list(blocks_at(ObjectStoragePath(path.as_uri()))),
        lambda path: list(iter_published(published(path))),
        lambda path: encoder_for(path.name, "jsonl", bytes),
    ],
    ids=["requests", "published results", "results to publish"],
)
def test_a_missing_library_is_named_with_its_extra_wherever_it_is_needed(tmp_path, monkeypatch, use):
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(zstandard.compress(b"{}\n"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    needed = r"^zstandard is needed: pip install 'airflow-provider-sam\[zstd\]'$"
    with pytest.raises(AirflowOptionalProviderFeatureException, match=needed):
        use(path)

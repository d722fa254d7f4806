"""Where requests come from: a list or iterator, or JSONL on object storage, plain or compressed, one file or many."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.jsonl import iter_blocks, line_feeds
from airflow_provider_sam.batches.requests import Block, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam._compat import ObjectStoragePath

CHUNK_BYTES = 1 << 18

COMPRESSED_BYTES = 1 << 15
"""What is decompressed at once: it may come out a thousand times as large."""

SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
"""Which files of a directory hold requests."""

GLOB_CHARACTERS = frozenset("*?[")


def entries_of(requests: object) -> Iterator[Entry]:
    """Give the requests of a list or an iterator, one after the other.

    :raises SamRequestError: what was given is no list of requests.
    """
    if isinstance(requests, (str, bytes, Mapping)) or not isinstance(requests, Iterable):
        raise SamRequestError(
            f"requests must be a list of mappings or prompts, got {type(requests).__name__}; pass the upstream task's "
            "`.output` rather than a template"
        )
    for number, request in enumerate(requests):
        if isinstance(request, bytes):  # which the reader takes for a line of JSONL
            raise SamRequestError(f"requests[{number}] must be a mapping with params, or a prompt; got bytes")
        yield Entry((None, number), request)


def blocks_at(path: ObjectStoragePath) -> Iterator[Block]:
    """Give the requests that lie at `path`: a file, a directory, or a pattern with ``*``; several files by their names.

    :raises SamRequestError: nothing is there, or a file cannot be decompressed.
    """
    files = files_at(path)
    for file in files:
        name = file.name if len(files) > 1 else ""
        number = 1
        with opened(file) as chunks:
            for data in iter_blocks(chunks):
                yield Block(name, number, data.removesuffix(b"\n").removesuffix(b"\r"))
                number += line_feeds(data)


def files_at(path: ObjectStoragePath) -> list[ObjectStoragePath]:
    """Give the files that `path` means, sorted by name.

    :raises SamRequestError: there is none.
    """
    if GLOB_CHARACTERS & set(path.name):
        found = [file for file in path.parent.glob(path.name) if file.is_file()]
    elif path.is_dir():
        found = [file for file in path.iterdir() if file.name.endswith(SUFFIXES) and file.is_file()]
    elif path.is_file():
        return [path]
    else:
        raise SamRequestError(f"path {path} does not exist")
    if not found:
        raise SamRequestError(f"path {path} holds no file of requests ({', '.join(SUFFIXES)})")
    return sorted(found, key=str)


@contextmanager
def opened(file: ObjectStoragePath) -> Iterator[Iterator[bytes]]:
    """Hold `file` open for the block and give its bytes, decompressed as its name says, in chunks.

    :raises SamRequestError: it is cut short or no file of that kind.
    """
    source: Any = file  # whose `open` has no types
    with source.open("rb") as raw:
        try:
            yield _decompressed(raw, file.name)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SamRequestError(f"{file} cannot be decompressed: {error}") from None


def _decompressed(raw: Any, name: str) -> Iterator[bytes]:
    if name.endswith(".gz"):
        return _chunks(gzip.GzipFile(fileobj=raw, mode="rb"))
    if name.endswith(".zst"):
        return _zstandard(raw)
    return _chunks(raw)


def _chunks(file: Any, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    while chunk := file.read(size):
        yield chunk


def _zstandard(raw: Any) -> Iterator[bytes]:
    """Decompress frame after frame, and notice a cut one, which the library's own reader takes for the end."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    frame = None
    try:
        for chunk in _chunks(raw, COMPRESSED_BYTES):
            rest = chunk
            while rest:
                frame = frame or decompressor.decompressobj()
                if data := frame.decompress(rest):
                    yield data
                rest = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None
    if frame is not None:
        raise EOFError("the file ends in the middle of a frame")

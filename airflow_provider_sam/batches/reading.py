"""A file on object storage, read to its end: in chunks, decompressed as its name says, never cut short."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam._compat import ObjectStoragePath

CHUNK_BYTES = 1 << 18

COMPRESSED_BYTES = 1 << 15
"""What is decompressed at once: it may come out a thousand times as large."""


class LineTooLongError(Exception):
    """What was read since the last line feed is more than a line may have."""


def bounded(chunks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Pass on a file, and stop before a line without an end fills the memory.

    :raises LineTooLongError: a line is longer than `longest`; all lines before it were passed on.
    """
    length = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        length = len(chunk) - end + (0 if end else length)
        if length > longest:
            yield chunk[:end]  # so that all lines before it are counted
            raise LineTooLongError
        yield chunk


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
        return _chunks(gzip.GzipFile(fileobj=raw, mode="rb"), CHUNK_BYTES)
    if name.endswith(".zst"):
        return _zstandard(raw)
    return _chunks(raw, CHUNK_BYTES)


def _chunks(file: Any, size: int) -> Iterator[bytes]:
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

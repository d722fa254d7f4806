"""Files compressed with gzip or Zstandard, as the suffixes of their names say: read and written in one way by all."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam._compat import optional_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GZIP, ZSTANDARD = ".gz", ".zst"

SUFFIXES = (GZIP, ZSTANDARD)
"""How the name of a compressed file ends."""

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""What zlib calls the gzip format; it writes no time into it, so that the same data gives the same bytes."""

COMPRESSED_BYTES = 1 << 15
"""What is decompressed at once: it may come out a thousand times as large."""


class CorruptFileError(ValueError):
    """A compressed file is cut short, or no file of its kind."""


class Compressor(Protocol):
    """Compresses one file, piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take in a piece, and return what is ready of it and those before."""

    def flush(self) -> bytes:
        """Return what is left, and end the file."""


def compressor_for(name: str) -> Compressor | None:
    """Return what compresses a file of this name; None where it is stored as it is.

    :raises AirflowOptionalProviderFeatureException: the library is not installed; the message says how to install it.
    """
    if name.endswith(GZIP):
        return zlib.compressobj(wbits=GZIP_WINDOW)
    if name.endswith(ZSTANDARD):
        compressor: Compressor = _zstandard().ZstdCompressor().compressobj()
        return compressor
    return None


def decompressed(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Return the content of a file of this name, from the chunks of the file as it is stored.

    Reading on raises `CorruptFileError` where the file is cut short or is no file of its kind.

    :raises AirflowOptionalProviderFeatureException: the library is not installed; the message says how to install it.
    """
    if name.endswith(GZIP):
        return _frames(chunks, lambda: zlib.decompressobj(wbits=GZIP_WINDOW), zlib.error, padding=b"\0")
    if name.endswith(ZSTANDARD):
        library = _zstandard()
        decompressor = library.ZstdDecompressor()
        return _frames(chunks, decompressor.decompressobj, library.ZstdError)
    return iter(chunks)


def _zstandard() -> Any:
    return optional_library("zstandard", extra="zstd")


def _frames(
    chunks: Iterable[bytes], begin: Callable[[], Any], problem: type[Exception], *, padding: bytes = b""
) -> Iterator[bytes]:
    """Decompress frame after frame, and notice a cut one, which the libraries' own readers may take for the end.

    :param padding: bytes that may stand behind a frame.
    """
    frame, skipped = None, b""
    try:
        for piece in _pieces(chunks):
            rest = piece
            while rest := rest if frame else rest.lstrip(skipped):
                frame = frame or begin()
                if data := frame.decompress(rest):
                    yield data
                rest = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame, skipped = None, padding
    except problem as error:
        raise CorruptFileError(str(error)) from None
    if frame is not None:
        raise CorruptFileError("the file ends in the middle of a frame")


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), COMPRESSED_BYTES):
            yield chunk[start : start + COMPRESSED_BYTES]

"""A file on object storage, read to its end: in chunks, decompressed as its name says, never cut short."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.compression import CorruptFileError, decompressed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam._compat import ObjectStoragePath

CHUNK_BYTES = 1 << 18


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
    :raises AirflowOptionalProviderFeatureException: the library that decompresses it is not installed.
    """
    source: Any = file  # whose `open` has no types
    with source.open("rb") as raw:
        try:
            yield decompressed(iter(lambda: raw.read(CHUNK_BYTES), b""), file.name)
        except CorruptFileError as error:
            raise SamRequestError(f"{file} cannot be decompressed: {error}") from None


def not_there(problem: str) -> SamRequestError:
    """Return the error for input that is not there: somebody may be about to write it."""
    return SamRequestError(problem, retryable=True, retry_hint="Nothing was sent; a retry looks for it again.")

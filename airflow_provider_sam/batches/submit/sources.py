"""Where requests come from: a list or iterator, or JSONL on object storage, plain or compressed, one file or many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import IOBase
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.jsonl import iter_blocks, line_feeds
from airflow_provider_sam.batches import compression
from airflow_provider_sam.batches.reading import LineTooLongError, bounded, not_there, opened
from airflow_provider_sam.batches.submit.requests import Block, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam._compat import ObjectStoragePath

SUFFIXES = tuple(kind + suffix for suffix in ("", *compression.SUFFIXES) for kind in (".jsonl", ".ndjson"))
"""Which files of a directory hold requests."""

TABLE_MARKS = ("columns", "__dataframe__", "__arrow_c_stream__", "__arrow_c_array__", "__array_interface__")
"""What tables and arrays have: iterating one gives the names of its columns, or rows of something else."""

GLOB_CHARACTERS = frozenset("*?[")


def entries_of(requests: object) -> Iterator[Entry]:
    """Return the requests of a list or an iterator, one after the other.

    :raises SamRequestError: what was given is no list of requests.
    """
    if (refusal := _refusal(requests)) is not None:
        raise SamRequestError(f"requests must be a list of mappings or prompts, got {_name_of(requests)}; {refusal}")
    assert isinstance(requests, Iterable)  # noqa: S101 - for the type checker, `_refusal` has seen to it
    for number, request in enumerate(requests):
        if isinstance(request, bytes):  # which the reader takes for a line of JSONL
            raise SamRequestError(f"requests[{number}] must be a mapping with params, or a prompt; got bytes")
        yield Entry((None, number), request)


def _refusal(requests: object) -> str | None:
    """Return what to write in place of something that is no list of requests, whether or not it can be iterated."""
    if isinstance(requests, Mapping):
        return "write one mapping a request, such as [{'params': {...}}, ...], not one list a field"
    if any(hasattr(requests, name) for name in TABLE_MARKS):
        return (
            "make requests of its rows, such as [{'custom_id': f'row-{row.id}', 'params': {...}} for row in "
            "df.itertuples()]"
        )
    if isinstance(requests, (set, frozenset)):
        return "a set has another order in every process: give a list"
    if isinstance(requests, (str, bytes)) or not isinstance(requests, Iterable):
        return "pass the upstream task's `.output` rather than a template"
    if isinstance(requests, (bytearray, memoryview, IOBase)):
        return "for JSONL on object storage there is ObjectStorageToSamBatchOperator"
    return None


def _name_of(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def blocks_at(path: ObjectStoragePath, *, longest: int | None = None) -> Iterator[Block]:
    """Return the requests that lie at `path`: a file, a directory, or a pattern with ``*``; files by their names.

    :param longest: most bytes of one line, or None for any number.
    :raises SamRequestError: nothing is there, a file cannot be decompressed, or a line is longer.
    """
    files = files_at(path)
    for file in files:
        name = file.name if len(files) > 1 else ""
        number = 1
        with opened(file) as chunks:
            try:
                for data in iter_blocks(chunks if longest is None else bounded(chunks, longest)):
                    yield Block(name, number, data.removesuffix(b"\n").removesuffix(b"\r"))
                    number += line_feeds(data)
            except LineTooLongError:
                raise SamRequestError(
                    f"{Entry((name, number), b'').where()} is longer than {longest} bytes, the limit of "
                    "max_batch_bytes: write each request on a line of its own"
                ) from None


def files_at(path: ObjectStoragePath) -> list[ObjectStoragePath]:
    """Return the files that `path` means, sorted by name.

    :raises SamRequestError: there is none.
    """
    if GLOB_CHARACTERS & set(path.name):
        found = [file for file in path.parent.glob(path.name) if file.is_file()]
    elif path.is_dir():
        found = [file for file in path.iterdir() if file.name.endswith(SUFFIXES) and file.is_file()]
    elif path.is_file():
        return [path]
    else:
        raise not_there(f"path {path} does not exist")
    if not found:
        raise not_there(f"path {path} holds no file of requests ({', '.join(SUFFIXES)})")
    return sorted(found, key=str)

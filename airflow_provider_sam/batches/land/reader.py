"""Reading what was landed: the lines of the files that a manifest names, held against their hashes while they pass."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from airflow_provider_sam._compat import optional_library
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.batches.compression import CorruptFileError, decompressed
from airflow_provider_sam.batches.paths import readable_path
from airflow_provider_sam.batches.tables import is_table, lines_of_csv, lines_of_parquet
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.api.jsonl import Line
    from airflow_provider_sam.batches.manifest_types import FileEntry, Manifest

READ_BYTES = 1024 * 1024


def place_of(path: Any, conn_id: str | None, *, what: str = "path") -> ObjectStoragePath:
    """Return the place of something published; `conn_id` is for a path that names no connection.

    :raises SamRequestError: it is no path that leads anywhere for certain.
    """
    names_one = "@" in urlsplit(str(path)).netloc
    return readable_path(path, None if names_one else conn_id, what=what)


def lines_of(file: FileEntry, *, conn_id: str | None = None) -> Iterator[Line]:
    """Return the result lines of one file of a manifest, without holding more than a part of it.

    :param file: an entry of the manifest's `files`; `lines` and `sha256` are None where there is no manifest.
    :param conn_id: the connection of the object storage, where the path names none.
    :raises SamResultsError: after the last line, if the file is not the one that was published.
    """
    path = place_of(file["path"], conn_id)
    chunks = _chunks(path, file)
    found = 0
    for line in iter_lines(chunks):
        found += 1
        yield line
    if file["lines"] not in (found, None):
        raise SamResultsError(f"{path} holds {found} results instead of the {file['lines']} that were published")


def _chunks(path: ObjectStoragePath, file: FileEntry) -> Iterator[bytes]:
    if file["format"] == "parquet":
        return _rows(path)
    content = _content(path, file["sha256"])
    return _csv_rows(path, content) if file["format"] == "csv" else content


def check_files(manifest: Manifest, *, conn_id: str | None = None) -> None:
    """Read all files of a manifest, and hold them against its hashes.

    :param conn_id: the connection of the object storage, where the paths name none.
    :raises SamResultsError: a file is not the one that was published.
    """
    table = manifest.get("table")
    raw = table["raw"] if table else None
    for file in (*manifest["files"], *([raw] if raw else ())):
        path = place_of(file["path"], conn_id)
        found = hashlib.sha256()
        for _ in _hashed(path, found):
            pass
        _check_hash(path, found, file["sha256"])


def _content(path: ObjectStoragePath, sha256: str | None) -> Iterator[bytes]:
    """Return what a file holds, decompressed as its name says, and hold the file against its hash."""
    found = hashlib.sha256()
    try:
        yield from decompressed(_hashed(path, found), path.name)
    except CorruptFileError as problem:
        raise SamResultsError(f"{path} has changed since it was published: {problem}") from problem
    _check_hash(path, found, sha256)


def _hashed(path: ObjectStoragePath, sha256: hashlib._Hash) -> Iterator[bytes]:
    """Return a file as it is stored, in chunks, and hash what was returned."""
    with _open(path) as file:
        while chunk := file.read(READ_BYTES):
            sha256.update(chunk)
            yield chunk


def _check_hash(path: ObjectStoragePath, found: hashlib._Hash, sha256: str | None) -> None:
    if sha256 not in {found.hexdigest(), None}:
        raise SamResultsError(f"{path} has changed since it was published: its SHA-256 differs")


def _rows(path: ObjectStoragePath) -> Iterator[bytes]:
    parquet = optional_library("pyarrow.parquet", extra="parquet")
    with _open(path) as file, parquet.ParquetFile(file) as table:
        if is_table(table):
            yield from lines_of_parquet(table)
            return
        if "raw" not in table.schema_arrow.names:
            raise SamResultsError(f"{path} is neither results nor a table that was published: it has no column 'raw'")
        for batch in table.iter_batches(columns=["raw"], batch_size=1000):
            yield "".join(f"{raw}\n" for raw in batch.column(0).to_pylist()).encode()


def _csv_rows(path: ObjectStoragePath, content: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from lines_of_csv(content)
    except ValueError as problem:
        raise SamResultsError(f"{path} is not a table that was published: {problem}") from None


def _open(path: ObjectStoragePath) -> IO[bytes]:
    return cast("IO[bytes]", path.open("rb"))

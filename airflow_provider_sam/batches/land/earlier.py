"""Earlier publications, whose answers are used again: named by a manifest, a file, a directory or a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_sam.batches.land.encoders import format_of
from airflow_provider_sam.batches.land.manifest import MANIFEST_SUFFIX, manifest_path, read_manifest
from airflow_provider_sam.batches.land.reader import lines_of, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.batches.manifest_types import FileEntry
    from airflow_provider_sam.batches.progress import Logger

GLOB_CHARACTERS = frozenset("*?[")

HIDDEN = (".", "_")
"""What the names of files begin with that are nobody's results, as on other tools' listings."""


def earlier_lines(sources: Iterable[Any], *, conn_id: str | None = None, log: Logger) -> Iterator[bytes]:
    """Return the result lines of earlier publications, as far as there are any.

    :param sources: manifests, or paths of what was published.
    :param conn_id: the connection of the object storage, where a path names none.
    :raises SamRequestError: something is no path, or a manifest is none of ours.
    :raises SamResultsError: after its last line, if a file is not the one that was published.
    """
    for source in sources:
        files = _files_of(source, conn_id)
        if not files:
            log.info("reuse: there is nothing at %s yet", source)
        for file in files:
            for line in lines_of(file, conn_id=conn_id):
                yield line.data


def _files_of(source: Any, conn_id: str | None) -> list[FileEntry]:
    if isinstance(source, Mapping):
        return list(read_manifest(source, what="reuse")["files"])
    path = place_of(source, conn_id, what="reuse")
    if GLOB_CHARACTERS & set(path.name):
        found = sorted((file for file in path.parent.glob(path.name) if file.is_file()), key=str)
        return [entry for file in found if _is_result(file) for entry in _entries(file)]
    if path.name.endswith(MANIFEST_SUFFIX) or manifest_path(path).is_file():
        return list(read_manifest(path)["files"])
    if path.is_dir():
        return [_alone(file) for file in sorted(path.iterdir(), key=str) if file.is_file() and _is_result(file)]
    return [_alone(path)] if path.is_file() else []


def _entries(file: ObjectStoragePath) -> list[FileEntry]:
    return list(read_manifest(file)["files"]) if manifest_path(file).is_file() else [_alone(file)]


def _alone(file: ObjectStoragePath) -> FileEntry:
    """Return what a manifest would say of a file that has none, as far as it can be told."""
    known = {"path": str(file), "format": format_of(file.name, None), "lines": None, "sha256": None}
    return cast("FileEntry", known)


def _is_result(file: ObjectStoragePath) -> bool:
    return not file.name.startswith(HIDDEN) and not file.name.endswith(MANIFEST_SUFFIX)

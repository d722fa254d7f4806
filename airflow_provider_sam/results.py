"""Reading published results in a task of one's own: typed, or just the texts, without a parser; and their manifest.

::

    from airflow_provider_sam.results import iter_published, read_texts

    @task
    def join(manifest):
        for result in iter_published(manifest):
            print(result.custom_id, result.result.type)
        texts = read_texts(manifest)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.batches.manifest_types import (
    BatchEntry,
    CarriedOver,
    ErrorCount,
    Facts,
    FileEntry,
    Manifest,
    OutcomeCounts,
    Totals,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.api.models import BatchResultLine

    _Manifest = Manifest | Mapping[str, Any] | str | ObjectStoragePath

__all__ = [
    "BatchEntry",
    "CarriedOver",
    "ErrorCount",
    "Facts",
    "FileEntry",
    "Manifest",
    "OutcomeCounts",
    "Totals",
    "iter_published",
    "read_manifest",
    "read_texts",
]


def read_manifest(manifest: _Manifest, *, storage_conn_id: str | None = None) -> Manifest:
    """Return the manifest of a publication, whole and of a version that this provider reads.

    :param manifest: as for `iter_published`.
    :param storage_conn_id: as for `iter_published`.
    :raises SamRequestError: there is not a manifest, or one of another version.
    """
    from airflow_provider_sam.batches.land import manifest as manifests

    return manifests.read_manifest(manifest, conn_id=storage_conn_id)


def iter_published(manifest: _Manifest, *, storage_conn_id: str | None = None) -> Iterator[BatchResultLine]:
    """Return the results that a publication holds, one by one, whatever their format and number of files.

    A line that does not keep what the type of its result promises is a `MalformedResultLine`, with all that it says.

    :param manifest: what `SamBatchToObjectStorageOperator` returned; or where its manifest, or what it describes, lies.
    :param storage_conn_id: the connection of the object storage, where the paths name none.
    :raises SamRequestError: there is not a manifest, or one of another version.
    :raises SamResultsError: after the last result, if a file is not the one that was published.
    """
    from airflow_provider_sam.api.results import read_result
    from airflow_provider_sam.batches.land.reader import lines_of

    for file in read_manifest(manifest, storage_conn_id=storage_conn_id)["files"]:
        for line in lines_of(file, conn_id=storage_conn_id):
            yield read_result(line)


def read_texts(manifest: _Manifest, *, storage_conn_id: str | None = None) -> dict[str, str]:
    """Return the texts of all succeeded results by their `custom_id`; they are held in memory.

    A result without text, such as a call of a tool, has an empty one; a malformed one has what text can be read of it.

    :param manifest: as for `iter_published`.
    :param storage_conn_id: as for `iter_published`.
    :raises SamRequestError: there is not a manifest, or one of another version.
    :raises SamResultsError: a file is not the one that was published.
    """
    return {
        row.custom_id: _text(row)
        for row in iter_published(manifest, storage_conn_id=storage_conn_id)
        if row.result.type == "succeeded"
    }


def _text(row: BatchResultLine) -> str:
    from airflow_provider_sam.api.mending import text_in
    from airflow_provider_sam.api.models import MalformedResultLine, SucceededResult

    if isinstance(row, MalformedResultLine):
        return text_in(row.raw.encode())
    return row.result.message.text if isinstance(row.result, SucceededResult) else ""

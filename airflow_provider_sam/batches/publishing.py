"""Results go from the API to object storage byte for byte, and appear there complete and verified, or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.jsonl import LineSplitter
from airflow_provider_sam.batches.completion import BatchSummary
from airflow_provider_sam.batches.manifest import Ledger, build_manifest
from airflow_provider_sam.batches.staging import stage
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.staging import StagedFile
    from airflow_provider_sam.batches.watching import Logger

MANIFEST_SUFFIX = ".manifest.json"


def destinations(batch_ids: Sequence[str], path: ObjectStoragePath, *, directory: bool) -> dict[str, ObjectStoragePath]:
    """Say where each batch's results go: into a file of its own in the directory `path`, or into the file `path`.

    :raises SamRequestError: several batches would go into one file.
    """
    if directory:
        return {batch_id: path / f"{batch_id}.jsonl" for batch_id in batch_ids}
    if len(batch_ids) > 1:
        raise SamRequestError(
            f"path {str(path)!r} is one file for {len(batch_ids)} batches; end it with a slash for a file each"
        )
    return {batch_ids[0]: path}


def manifest_path(path: ObjectStoragePath) -> ObjectStoragePath:
    """Give the place of the manifest: beside what it describes."""
    return path.with_name(path.name + MANIFEST_SUFFIX)


def publish(
    client: SamClient,
    batch_ids: Sequence[str],
    path: ObjectStoragePath,
    *,
    directory: bool,
    betas: Sequence[str] | None,
    log: Logger,
) -> dict[str, Any]:
    """Land the results of ended batches and, when all are there, the manifest; give the manifest.

    :param directory: whether `path` is a directory. A path does not know: some file systems drop its last slash.
    :raises SamResultsError: results are not there to be had, or are not what the API itself counted. What had been
        written is discarded.
    """
    pages = []
    for batch_id, destination in destinations(batch_ids, path, directory=directory).items():
        batch = client.get_batch(batch_id, betas=betas)
        _check_available(batch)
        ledger = land(client, batch, destination, betas=betas)
        pages.append(ledger.page(batch, str(destination)))
        log.info("Landed %d results of batch %s, %d bytes, at %s", ledger.lines, batch_id, ledger.size, destination)
    manifest = build_manifest(pages)
    _write(manifest_path(path), json.dumps(manifest, indent=1).encode())
    return manifest


def land(
    client: SamClient, batch: MessageBatch, destination: ObjectStoragePath, *, betas: Sequence[str] | None
) -> Ledger:
    """Stream one batch's results into a staged file, verify them, and let the file appear.

    :raises SamResultsError: the results disagree with the API's own counts.
    :raises SamError: the download failed.
    """
    staged = stage(destination)
    try:
        ledger = _copy(client, batch.id, staged, betas=betas)
        _verify(ledger, batch)
    except BaseException:  # a time-out or a kill of the task must leave nothing behind either
        staged.discard()
        raise
    staged.commit()
    return ledger


def _copy(client: SamClient, batch_id: str, staged: StagedFile, *, betas: Sequence[str] | None) -> Ledger:
    ledger, splitter = Ledger(), LineSplitter()
    with client.stream_results(batch_id, betas=betas) as results:
        for chunk in results:
            ledger.add_lines(splitter.feed(chunk))
            ledger.add_bytes(chunk)
            staged.write(chunk)
        ledger.add_lines(splitter.flush())
    return ledger


def _verify(ledger: Ledger, batch: MessageBatch) -> None:
    if found := ledger.disagreements(BatchSummary.of(batch).counts()):
        raise SamResultsError(f"the results of batch {batch.id} disagree with its counts: {'; '.join(found)}")


def _write(path: ObjectStoragePath, data: bytes) -> None:
    staged = stage(path)
    try:
        staged.write(data)
    except BaseException:
        staged.discard()
        raise
    staged.commit()


def _check_available(batch: MessageBatch) -> None:
    if not batch.is_terminal:
        raise SamResultsError(f"batch {batch.id} is {batch.processing_status}; wait until it has ended, then land it")
    if batch.archived_at is not None:
        raise SamResultsError(f"batch {batch.id} was archived at {batch.archived_at}: its results are gone")

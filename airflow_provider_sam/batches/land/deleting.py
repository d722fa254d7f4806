"""Batches are deleted at the API once their results lie where they should, byte for byte."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamNotFoundError
from airflow_provider_sam.batches.land.reader import check_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.manifest_types import Manifest
    from airflow_provider_sam.batches.progress import Logger

LOOKS = 3
"""How often in a row a batch must be a 404 before it counts as deleted: existing ones are that for a moment."""

PAUSE = 5.0
"""Seconds between two looks."""


def delete_published(
    client: SamClient,
    manifest: Manifest,
    *,
    betas: Sequence[str] | None,
    log: Logger,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete the batches of a publication, after its files were read and held against their hashes.

    :raises SamResultsError: a file is not the one that was published; no batch was deleted.
    """
    if not manifest["batches"]:
        return
    check_files(manifest)
    for batch in manifest["batches"]:
        if _delete(client, batch["batch_id"], betas, sleep):
            log.info("Deleted batch %s; its results are at %s", batch["batch_id"], batch["path"])
        else:  # an earlier try of this task has deleted it
            log.info("Batch %s no longer exists; its results are at %s", batch["batch_id"], batch["path"])


def _delete(client: SamClient, batch_id: str, betas: Sequence[str] | None, sleep: Callable[[float], None]) -> bool:
    for look in range(LOOKS):
        if look:
            sleep(PAUSE)
        try:
            client.delete_batch(batch_id, betas=betas)
        except SamNotFoundError:
            continue
        return True
    return False

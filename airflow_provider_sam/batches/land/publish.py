"""Results go from the API to object storage byte for byte, and appear there complete and verified, or not at all."""

from __future__ import annotations

import json
import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.ids import check_batch_id
from airflow_provider_sam.batches.land.encoders import format_of
from airflow_provider_sam.batches.land.landing import LandedFile, Landing, discard_all
from airflow_provider_sam.batches.land.manifest import build_manifest, manifest_path, read_manifest, summary
from airflow_provider_sam.batches.leftovers import abort_unfinished_uploads
from airflow_provider_sam.batches.paths import check_exact
from airflow_provider_sam.batches.storage import is_local, stage_whole
from airflow_provider_sam.batches.tidying import undo_noted, undone_by
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.land.carry_over import CarryOver
    from airflow_provider_sam.batches.land.encoders import Table
    from airflow_provider_sam.batches.manifest_types import Manifest, TableFacts
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.storage import StagedFile
    from airflow_provider_sam.batches.store.claims import Register

AT_A_TIME = 3
"""How many files are landed at the same time; each takes some 15 MB of memory, on S3 and its kin twice as many."""

OVERWRITE = ("error", "replace", "skip-if-complete")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is to be published where.

    :param path: a file for one batch, or with `carry_over` or `table` for several; or a directory with a file for each.
    :param is_directory: which of the two.
    :param format: `jsonl` (bytes as the API sent them) or `parquet`; of a table `parquet` or `csv`.
    :param table: the table that the results are turned into; None for results as they are.
    :param keep_raw: where the results of the batches are kept as the API sent them, beside a table.
    :param overwrite: what to do about what is there, see the operator.
    :param carry_over: an earlier publication, from which results that these batches do not hold are taken.
    :param register: tells what was submitted as a batch, wherever that is known.
    """

    batch_ids: Sequence[str]
    path: ObjectStoragePath
    is_directory: bool = False
    format: str = "jsonl"
    overwrite: str = "skip-if-complete"
    carry_over: CarryOver | None = None
    table: Table | None = None
    keep_raw: ObjectStoragePath | None = None
    register: Register | None = None
    betas: Sequence[str] | None = None
    manifest_path: ObjectStoragePath = field(init=False)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        :raises SamRequestError: see the message.
        """
        if self.overwrite not in OVERWRITE:
            raise SamRequestError(f"overwrite {self.overwrite!r} is unknown; it is one of {', '.join(OVERWRITE)}")
        for batch_id in self.batch_ids:
            check_batch_id(batch_id)
        self._check_table()
        if len(self.batch_ids) > 1 and not (self.is_directory or self.carry_over or self.table):
            where = f"path {str(self.path)!r} is one file for {len(self.batch_ids)} batches"
            raise SamRequestError(f"{where}; end it with a slash for a file each")
        if self.carry_over and self.is_directory:
            raise SamRequestError(f"carry_over makes one file, and path {str(self.path)!r} is a directory")
        carried = self.carry_over.manifest["files"] if self.carry_over else ()
        if str(self.path) in {file["path"] for file in carried}:  # a retry would no longer find what to carry over
            raise SamRequestError(f"path {str(self.path)!r} is a file to carry over; name another for both rounds")
        object.__setattr__(self, "manifest_path", manifest_path(self.path))
        for path in self.paths():
            check_exact(path)

    def _check_table(self) -> None:
        """Refuse what no table can be, or only a table can."""
        if self.table is None:
            if self.format == "csv":
                raise SamRequestError("format 'csv' is for tables: give rows= too, or choose 'jsonl' or 'parquet'")
            if self.keep_raw is not None:
                raise SamRequestError("keep_raw is for tables: without rows= the results are kept anyway")
            return
        if self.is_directory:
            raise SamRequestError(f"rows make one table, and path {str(self.path)!r} is a directory; name a file")
        if self.format == "jsonl":
            raise SamRequestError(
                f"rows make a table, which is parquet or csv: end path {str(self.path)!r} with .parquet or .csv, or "
                "name the format"
            )
        if self.keep_raw is not None and format_of(self.keep_raw.name, None) != "jsonl":
            raise SamRequestError(
                f"keep_raw {str(self.keep_raw)!r} holds results as the API sent them; end it with .jsonl, .jsonl.gz "
                "or .jsonl.zst"
            )

    def paths(self) -> list[ObjectStoragePath]:
        """Say where something will lie, the manifest first."""
        raw = [] if self.keep_raw is None else [self.keep_raw]
        return [self.manifest_path, *(path for path, _ in self.files()), *raw]

    def files(self) -> list[tuple[ObjectStoragePath, tuple[str, ...]]]:
        """Say which files there will be, and whose results each holds."""
        if not self.is_directory:
            return [(self.path, tuple(self.batch_ids))]
        return [(self.path / f"{batch_id}.{self.format}", (batch_id,)) for batch_id in self.batch_ids]

    def matches(self, manifest: Manifest) -> bool:
        """Whether a manifest says that just this was published, and its files are there in their full size."""
        carried = manifest["carried_over"]["files"] if manifest["carried_over"] else None
        return (
            [batch["batch_id"] for batch in manifest["batches"]] == list(self.batch_ids)
            and manifest["format"] == self.format
            and [file["path"] for file in manifest["files"]] == [str(path) for path, _ in self.files()]
            and carried == (list(self.carry_over.manifest["files"]) if self.carry_over else None)
            and [file["bytes"] for file in manifest["files"]] == [_size(path) for path, _ in self.files()]
            and self._matches_table(manifest.get("table"))
        )

    def _matches_table(self, table: TableFacts | None) -> bool:
        """Whether what a manifest says of a table is what is to be made.

        What the rows hold cannot be told, so it takes batches to know that the rows are those of the same submission.
        """
        if self.table is None or table is None:
            return self.table is None and table is None
        raw = table["raw"]
        return (
            bool(self.batch_ids)
            and {**table, **self.table.facts()} == table
            and (raw["path"] if raw else None) == (None if self.keep_raw is None else str(self.keep_raw))
            and (raw["bytes"] if raw else None) == (None if self.keep_raw is None else _size(self.keep_raw))
        )


def publish(client: SamClient, publication: Publication, *, log: Logger) -> Manifest:
    """Land the results of ended batches and, when all are there, the manifest; give the manifest.

    :raises SamResultsError: results are not there to be had, or are not what the API itself counted. Nothing has
        appeared. Or something lies at the destination that may not be replaced.
    """
    before = _published(publication)
    if before is not None and publication.overwrite == "skip-if-complete" and publication.matches(before):
        when = before["published_at"]
        log.info("%s is complete, published at %s: %s", publication.path, when, summary(before["total"]))
        return before
    _check_free(publication)
    landed = _land_all(client, publication, log)
    with undone_by(lambda: discard_all(landed)):
        manifest = build_manifest(
            format=publication.format,
            files=[file.file for file in landed],
            batches=[batch for file in landed for batch in file.batches],
            carried=next((file.carried for file in landed), None),
            table=next((file.table for file in landed), None),
            raw=next((file.raw for file in landed), None),
            published_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        # Staged before anything appears: a disk that is too full for the manifest is found here.
        staged = _staged_manifest(publication, manifest, log)
    with undone_by(staged.discard):
        # From here on no old manifest may speak for new files.
        with undone_by(lambda: discard_all(landed)):
            publication.manifest_path.unlink(missing_ok=True)
        _commit(landed, log)
    _commit_manifest(staged, publication, log)
    log.info("Published %s: %s", publication.path, summary(manifest["total"]))
    return manifest


def _staged_manifest(publication: Publication, manifest: Manifest, log: Logger) -> StagedFile:
    abort_unfinished_uploads(publication.manifest_path, log)
    return stage_whole(publication.manifest_path, json.dumps(manifest, indent=1).encode())


def _commit_manifest(staged: StagedFile, publication: Publication, log: Logger) -> None:
    try:
        staged.commit()
    except BaseException:
        log.warning(
            "The results at %s are complete, but their manifest could not be written to %s; a retry lands them again",
            publication.path,
            publication.manifest_path,
        )
        raise


def _land_all(client: SamClient, publication: Publication, log: Logger) -> list[LandedFile]:
    """Land a few files at a time; when one fails, none is left."""
    landing = Landing(
        client=client,
        format=publication.format,
        betas=publication.betas,
        register=publication.register,
        log=log,
        table=publication.table,
        keep_raw=publication.keep_raw,
    )
    files = publication.files()
    if len(files) == 1:
        return [landing.land(files[0][1], files[0][0], publication.carry_over)]
    stop = threading.Event()
    landing = replace(landing, stopped=stop.is_set)
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="land") as pool:
        futures = [pool.submit(landing.land, batch_ids, path, None) for path, batch_ids in files]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            return [future.result() for future in futures]
        except BaseException as failure:
            stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            undo_noted(lambda: discard_all([each.result() for each in futures if _has_landed(each)]), failure)
            raise


def _commit(landed: Sequence[LandedFile], log: Logger) -> None:
    for position, file in enumerate(landed):
        try:
            with undone_by(partial(discard_all, landed[position + 1 :])):
                file.commit()
        except BaseException:
            if position:
                done = ", ".join(str(each.path) for each in landed[:position])
                log.warning(
                    "Could not publish %s. Complete, but without a manifest: %s. A retry lands all of them",
                    file.path,
                    done,
                )
            raise


def _has_landed(future: Future[LandedFile]) -> bool:
    return not future.cancelled() and future.exception() is None


def _published(publication: Publication) -> Manifest | None:
    if publication.overwrite != "skip-if-complete" or not publication.manifest_path.exists():
        return None
    try:
        return read_manifest(publication.manifest_path)
    except SamRequestError:  # something else, or of another version: it is about to be replaced
        return None


def _check_free(publication: Publication) -> None:
    for path in publication.paths():
        if is_local(path) and path.is_dir():
            raise SamRequestError(f"path {str(path)!r} is a directory; end it with a slash for a file in it each")
    if publication.overwrite != "error":
        return
    if taken := [path for path in publication.paths() if path.exists()]:
        raise SamResultsError(f"{taken[0]} exists; remove it, or choose overwrite='replace' or 'skip-if-complete'")


def _size(path: ObjectStoragePath) -> int | None:
    return path.stat().st_size if path.exists() else None

"""The results of batches become one staged file, counted and verified; it is for the caller to let it appear."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.batches.land.download import Download, ResultsDisagreeError
from airflow_provider_sam.batches.land.ledger import Ledger
from airflow_provider_sam.batches.land.proof import check_submitted, claim_on
from airflow_provider_sam.batches.land.sink import Sink
from airflow_provider_sam.batches.leftovers import abort_unfinished_uploads
from airflow_provider_sam.batches.progress import Progress
from airflow_provider_sam.batches.summary import BatchSummary
from airflow_provider_sam.batches.tidying import undone_by
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.land.carry_over import CarryOver
    from airflow_provider_sam.batches.land.encoders import Table
    from airflow_provider_sam.batches.manifest_types import BatchEntry, CarriedOver, FileEntry
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.claims import Register

DOWNLOADS = 2
"""How often a file is downloaded whose results disagree with the batches' counts, before the task fails."""


MOST_RESULTS = 500_000
"""Results of one batch, five times what the API allows: their custom_ids are held in memory."""


@dataclass(frozen=True, kw_only=True)
class Landing:
    """What all files of one publication have in common.

    :param table: what the results are turned into; None for results as they are.
    :param keep_raw: where the results of the batches are kept as the API sent them, beside a table.
    :param register: tells what was submitted as a batch, wherever that is known.
    :param stopped: tells whether to stop, because another file of the same publication has failed.
    """

    client: SamClient
    format: str
    betas: Sequence[str] | None
    log: Logger
    table: Table | None = None
    keep_raw: ObjectStoragePath | None = None
    register: Register | None = None
    stopped: Callable[[], bool] = field(default=lambda: False)

    def land(self, batch_ids: Sequence[str], path: ObjectStoragePath, carry: CarryOver | None) -> LandedFile:
        """Download the results of batches into one staged file, and verify them.

        :raises SamResultsError: results are not there to be had, or are not what the API itself counted, twice.
        :raises SamError: the download failed.
        """
        for download in range(1, DOWNLOADS + 1):
            sinks: list[Sink] = []
            try:
                with undone_by(partial(discard_all, sinks)):
                    for each, format_, table in self._places(path):
                        abort_unfinished_uploads(each, self.log)
                        sinks.append(Sink(each, format_, table))
                    return self._fill(sinks, batch_ids, carry)
            except ResultsDisagreeError as problem:
                if download == DOWNLOADS:
                    raise
                self.log.warning("%s Downloading again.", problem)
        raise AssertionError  # the last download returns or raises

    def _places(self, path: ObjectStoragePath) -> list[tuple[ObjectStoragePath, str, Table | None]]:
        """Say where results go and how they are stored, the publication's own file first."""
        raw = [] if self.keep_raw is None else [(self.keep_raw, "jsonl", None)]
        return [(path, self.format, self.table), *raw]

    def _fill(self, sinks: Sequence[Sink], batch_ids: Sequence[str], carry: CarryOver | None) -> LandedFile:
        seen: set[str] = set()
        entries = [self._copy(self._batch(batch_id), sinks, seen) for batch_id in batch_ids]
        of_batches = sum(entry["lines"] for entry in entries)
        carried = carry.copy(sinks[0], seen) if carry else None
        hashes = [sink.close() for sink in sinks]
        table = sinks[0].table_facts()
        if table and carry:  # a row that was reused has succeeded, so no later round has asked it again
            table["table"]["reused"] += carry.reused
        lines = table["lines"] if table else of_batches + (carried["lines"] if carried else 0)
        file = _file_entry(sinks[0], self.format, lines, hashes[0])
        raw = _file_entry(sinks[1], "jsonl", of_batches, hashes[1]) if self.keep_raw is not None else None
        return LandedFile(sinks=sinks, file=file, batches=entries, carried=carried, table=table, raw=raw)

    def _batch(self, batch_id: str) -> MessageBatch:
        batch = self.client.get_batch(batch_id, betas=self.betas)
        if not batch.is_terminal:
            problem = f"batch {batch.id} is {batch.processing_status}; wait until it has ended, then land it"
            raise SamResultsError(problem)
        if batch.archived_at is not None:
            raise SamResultsError(
                f"batch {batch.id} was archived at {batch.archived_at}: its results are gone", retryable=False
            )
        return batch

    def _copy(self, batch: MessageBatch, sinks: Sequence[Sink], seen: set[str]) -> BatchEntry:
        began = datetime.now(UTC)
        counts = BatchSummary.of(batch).counts()
        total = sum(counts.values())
        if total > MOST_RESULTS:
            raise SamResultsError(f"batch {batch.id} reports {total} results; the limit per batch is {MOST_RESULTS}")
        claim = claim_on(batch.id, self.register, self.log)
        ledger = Ledger(seen, longest_line=self.client.settings.limits.max_result_line_bytes)
        for sink in sinks:
            sink.begin_part()
        try:
            self._stream(batch.id, total, sinks, ledger)
        except SamResponseError as problem:
            so_far = f"after {ledger.lines} of {total}"
            message = f"the results of batch {batch.id} cannot be read, {so_far}: {problem.message}"
            raise ResultsDisagreeError(message) from problem
        if found := ledger.disagreements(counts):
            raise ResultsDisagreeError(f"the results of batch {batch.id} disagree with its counts: {'; '.join(found)}")
        check_submitted(batch.id, ledger.custom_ids, claim)
        return _batch_entry(batch, ledger, path=sinks[0].path, sha256=sinks[0].digest().hex(), began=began)

    def _stream(self, batch_id: str, total: int, sinks: Sequence[Sink], ledger: Ledger) -> None:
        progress = Progress(self.log, batch_id, total)
        download = Download(
            self.client,
            batch_id,
            betas=self.betas,
            is_whole=lambda: ledger.holds(total),
            digest=sinks[0].digest,
            log=self.log,
        )
        for chunk in download:
            self._check_stopped()
            for sink in sinks:
                sink.write(chunk)
            ledger.add(chunk)
            progress.note(ledger.lines, ledger.size)
            if ledger.exceeds(total):  # nothing that may follow makes them agree
                return
        ledger.close()
        progress.say(ledger.lines, ledger.size)

    def _check_stopped(self) -> None:
        if self.stopped():
            raise SamResultsError("stopped because another batch of this task failed to land")


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """A file that is verified and staged, with what is kept beside it, and what the manifest says about them."""

    sinks: Sequence[Sink]
    file: FileEntry
    batches: list[BatchEntry]
    carried: CarriedOver | None
    table: dict[str, Any] | None
    raw: FileEntry | None

    @property
    def path(self) -> ObjectStoragePath:
        """Where the file appears."""
        return self.sinks[0].path

    def commit(self) -> None:
        """Make the file appear, after what is kept beside it."""
        for position in reversed(range(len(self.sinks))):
            with undone_by(partial(discard_all, self.sinks[:position])):
                self.sinks[position].commit()

    def discard(self) -> None:
        """Forget everything; nothing appears."""
        discard_all(self.sinks)


def discard_all(sinks: Sequence[Sink | LandedFile]) -> None:
    """Discard files, all of them, whatever goes wrong with one."""
    with ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.discard)


def _file_entry(sink: Sink, format_: str, lines: int, sha256: str) -> FileEntry:
    return {"path": str(sink.path), "format": format_, "lines": lines, "bytes": sink.stored_size, "sha256": sha256}


def _batch_entry(
    batch: MessageBatch, ledger: Ledger, *, path: ObjectStoragePath, sha256: str, began: datetime
) -> BatchEntry:
    return {
        "batch_id": batch.id,
        "path": str(path),
        **ledger.facts(),
        "bytes": ledger.size,
        "sha256": sha256,
        "created_at": batch.created_at.isoformat(),
        "ended_at": batch.ended_at.isoformat() if batch.ended_at else None,
        "landing_began_at": began.isoformat(timespec="milliseconds"),
        "landed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }

"""Chunks on their way into a staged file: encoded, hashed and written, while the next ones come in where that pays."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam.batches.land.encoders import encoder_for, table_encoder_for
from airflow_provider_sam.batches.storage import is_local, stage
from airflow_provider_sam.batches.tidying import undone_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.batches.land.encoders import Encoder, Table, TableEncoder

QUEUED = 4
"""How many pieces may wait in a thread before the one who hands over waits too."""


class Writer(Protocol):
    """Does the same work with each piece that is handed over, one after the other, in their order."""

    def write(self, piece: bytes, /) -> object:
        """Hand over a piece. An error of this or an earlier one comes as it is, and no piece after it is worked on."""

    def flush(self) -> None:
        """Wait until all that was handed over is done; an error of it comes as it is."""

    def close(self) -> None:
        """Wait as well, and let go. May be called again; errors are for `flush` to tell."""


class InlineWriter:
    """Works at once: what is as fast as memory is slowed down by another thread."""

    def __init__(self, work: Callable[[bytes], object]) -> None:
        self.write = work

    def flush(self) -> None:
        """Do nothing: everything is done."""

    def close(self) -> None:
        """Do nothing."""


class ThreadedWriter:
    """Works in a thread: what waits for a network does not hold up the one who hands over.

    :param name: of the thread.
    """

    def __init__(self, work: Callable[[bytes], object], name: str) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._queue: queue.Queue[bytes | None] = queue.Queue(QUEUED)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, piece: bytes, /) -> None:
        """Hand over a piece."""
        self._queue.put(piece)
        self._raise_failure()

    def flush(self) -> None:
        """Wait until all that was handed over is done."""
        self._queue.join()
        self._raise_failure()

    def close(self) -> None:
        """Wait until all is done, and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while True:
            piece = self._queue.get()
            try:
                if piece is None:
                    return
                if self._failure is None:
                    self._work(piece)
            except BaseException as failure:  # noqa: BLE001 - raised where the next piece is handed over
                self._failure = failure
            finally:
                self._queue.task_done()


class Sink:
    """Writes one file that nobody sees until `commit`. Exactly one of `commit` and `discard` ends it.

    :param format: `jsonl`, `parquet` or `csv`; the suffixes ``.gz`` and ``.zst`` of `path` compress JSONL and CSV.
    :param table: what the results are turned into; None for results as they are.
    :raises SamRequestError: there is no such format.
    """

    def __init__(self, path: ObjectStoragePath, format: str, table: Table | None = None) -> None:  # noqa: A002
        self.path = path
        self.stored_size = 0
        self._stored_hash = hashlib.sha256()
        self._part_hash: hashlib._Hash | None = None  # None while it would be the same as that of the stored bytes
        self._at_line_start = True
        self._staged = stage(path)
        with undone_by(self._staged.discard):
            self._table: TableEncoder | None = (
                table_encoder_for(path.name, format, self._store, table) if table else None
            )
            self._encoder: Encoder = self._table or encoder_for(path.name, format, self._store)
        inline = is_local(path) and self._encoder.is_verbatim
        self._writer: Writer = InlineWriter(self._take) if inline else ThreadedWriter(self._take, f"write {path.name}")
        self.begin_part()

    def write(self, chunk: bytes) -> None:
        """Hand over a chunk.

        :raises OSError: this or an earlier one could not be written; any error of the storage comes as it is.
        """
        self._writer.write(chunk)
        self._at_line_start = chunk.endswith(b"\n")

    def digest(self) -> bytes:
        """Return the SHA-256 of all chunks handed over since the last `begin_part`."""
        self._writer.flush()
        return (self._part_hash or self._stored_hash).digest()

    def begin_part(self) -> None:
        """Begin to hash anew, on a line of its own: what follows is another batch's."""
        if not self._at_line_start:
            self.write(b"\n")
        self._writer.flush()
        self._part_hash = None if self._encoder.is_verbatim and not self.stored_size else hashlib.sha256()

    def close(self) -> str:
        """Write what is left; gives the SHA-256 of the file as it is stored."""
        self._writer.close()
        self._writer.flush()
        self._encoder.close()
        return self._stored_hash.hexdigest()

    def table_facts(self) -> dict[str, Any] | None:
        """Return what a manifest says of the closed table; None where it is none."""
        return self._table.facts() if self._table else None

    def commit(self) -> None:
        """Make the closed file appear."""
        self._staged.commit()

    def discard(self) -> None:
        """Forget everything; nothing appears."""
        self._writer.close()
        self._encoder.discard()
        self._staged.discard()

    def _take(self, chunk: bytes) -> None:
        self._encoder.add(chunk)
        if self._part_hash is not None:
            self._part_hash.update(chunk)

    def _store(self, data: bytes) -> None:
        self._staged.write(data)
        self.stored_size += len(data)
        self._stored_hash.update(data)

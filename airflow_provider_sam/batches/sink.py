"""Chunks on their way into a staged file: encoded, hashed and written in a thread, while the next ones are read."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import TYPE_CHECKING

from airflow_provider_sam.batches.encoders import encoder_for
from airflow_provider_sam.batches.staging import stage

if TYPE_CHECKING:
    from airflow_provider_sam._compat import ObjectStoragePath

WAITING_CHUNKS = 4
"""How many chunks may wait to be written before the download waits for the disk."""


class Sink:
    """Writes one file that nobody sees until `commit`. Exactly one of `commit` and `discard` ends it.

    Hashing and writing release Python's lock, so that they cost a download almost no time.

    :param format: `jsonl` or `parquet`; the suffixes ``.gz`` and ``.zst`` of `path` compress JSONL.
    :raises SamRequestError: there is no such format.
    """

    def __init__(self, path: ObjectStoragePath, format: str) -> None:  # noqa: A002 - the users' word
        self.path = path
        self.stored_size = 0
        self._stored_hash = hashlib.sha256()
        self._part_hash: hashlib._Hash | None = None  # None while it would be the same as that of the stored bytes
        self._at_line_start = True
        self._failure: BaseException | None = None
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING_CHUNKS)
        self._staged = stage(path)
        try:
            self._encoder = encoder_for(path.name, format, self._store)
        except BaseException:
            self._staged.discard()
            raise
        self.begin_part()
        self._thread = threading.Thread(target=self._work, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def write(self, chunk: bytes) -> None:
        """Hand over a chunk.

        :raises OSError: an earlier one could not be written; any error of the storage comes as it is.
        """
        self._queue.put(chunk)
        self._at_line_start = chunk.endswith(b"\n")
        self._raise_failure()

    def digest(self) -> bytes:
        """Give the SHA-256 of all chunks handed over since the last `begin_part`."""
        self._queue.join()
        self._raise_failure()
        return (self._part_hash or self._stored_hash).digest()

    def begin_part(self) -> None:
        """Begin to hash anew, on a line of its own: what follows is another batch's."""
        if not self._at_line_start:
            self.write(b"\n")
        self._queue.join()
        self._part_hash = None if self._encoder.is_verbatim and not self.stored_size else hashlib.sha256()

    def close(self) -> str:
        """Write what is left; gives the SHA-256 of the file as it is stored."""
        self._end_thread()
        self._raise_failure()
        self._encoder.close()
        return self._stored_hash.hexdigest()

    def commit(self) -> None:
        """Make the closed file appear."""
        self._staged.commit()

    def discard(self) -> None:
        """Forget everything; nothing appears."""
        self._end_thread()
        self._staged.discard()

    def _end_thread(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        while True:
            chunk = self._queue.get()
            try:
                if chunk is None:
                    return
                if self._failure is None:
                    self._encoder.add(chunk)
                    if self._part_hash is not None:
                        self._part_hash.update(chunk)
            except BaseException as failure:  # noqa: BLE001 - raised where the next chunk is handed over
                self._failure = failure
            finally:
                self._queue.task_done()

    def _store(self, data: bytes) -> None:
        self._staged.write(data)
        self.stored_size += len(data)
        self._stored_hash.update(data)

"""A batch's body on its way: progress is told every few seconds, and it stops when the task ends or is overtaken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.submit.written import Shard

EVERY = 5.0
"""Seconds between two lines of progress, each with a look whether this is still the task's last try."""

MEGABYTE = 1_000_000


class Upload:
    """The body of one batch; each iteration is one time that it is sent.

    :param check: called before each piece; what it raises ends the upload before its last byte.
    :param confirm: so too, but only now and then and before the last piece, since it may take its time.
    :param clock: gives seconds that only ever grow; for the pace of the log alone.
    """

    def __init__(
        self,
        shard: Shard,
        *,
        log: Logger,
        check: Callable[[], None],
        confirm: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.content_length = shard.content_length
        self._shard = shard
        self._log = log
        self._check = check
        self._confirm = confirm
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        began = told = self._clock()
        size = 0
        for chunk in self._shard:
            self._check()
            if size + len(chunk) == self.content_length:
                self._confirm()
            yield chunk
            size += len(chunk)
            now = self._clock()
            if now - told >= EVERY:
                told = now
                self._tell(size, now - began)
                self._confirm()

    def _tell(self, size: int, seconds: float) -> None:
        self._log.info(
            "Sent about %d of %d requests, %.1f of %.1f MB, %.1f MB/s",
            self._shard.requests * size // self.content_length,
            self._shard.requests,
            size / MEGABYTE,
            self.content_length / MEGABYTE,
            size / MEGABYTE / seconds,
        )

"""What is used of a logger, and how far a landing is, logged every few seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 5.0
"""Seconds between two lines of the log."""

MEGABYTE = 1_000_000


class Logger(Protocol):
    """What is used of a logger; Airflow gives standard and structured ones."""

    def info(self, message: str, /, *args: object) -> object:
        """Say what happened."""

    def warning(self, message: str, /, *args: object) -> object:
        """Say what went wrong."""


def describe(lines: int, total: int, size: int, elapsed: float) -> str:
    """Say in one line how far `lines` of `total` results and `size` bytes are, after `elapsed` seconds."""
    speed = size / elapsed if elapsed else 0.0
    left = f", about {elapsed / lines * (total - lines):.0f} s left" if 0 < lines < total else ""
    return f"{lines} of {total} results, {size / MEGABYTE:.1f} MB, {speed / MEGABYTE:.1f} MB/s{left}"


class Progress:
    """Says how far one batch's landing is.

    :param total: how many results there will be.
    :param clock: gives seconds that only ever grow.
    """

    def __init__(self, log: Logger, batch_id: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._batch_id, self._total, self._clock = log, batch_id, total, clock
        self._began = self._said = clock()

    def note(self, lines: int, size: int) -> None:
        """Take in how many results and bytes have come; it is said if nothing was said for `INTERVAL` seconds."""
        now = self._clock()
        if now - self._said >= INTERVAL:
            self._said = now
            self.say(lines, size)

    def say(self, lines: int, size: int) -> None:
        """Say it now."""
        self._log.info("Batch %s: %s", self._batch_id, describe(lines, self._total, size, self._clock() - self._began))

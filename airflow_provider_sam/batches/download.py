"""One batch's results as one stream of bytes, however often the connection breaks on the way.

A broken download goes on where it was. The server is asked to leave out what has come; where it does so, the end of
that is compared with what it sends again; where it does not, all of it is read again and its hash compared. Bytes are
never handed out twice, and never from a file that has become another one meanwhile.
"""

from __future__ import annotations

import hashlib
import random
import time
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import (
    SamDisconnectedError,
    SamError,
    SamNotFoundError,
    SamStatusError,
    SamTransportError,
)
from airflow_provider_sam.api.retries import backoff
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.results import ResultsStream
    from airflow_provider_sam.batches.watching import Logger

OVERLAP = 4096
"""Bytes that are asked for again after a break, and compared with those that came before it."""

FRUITLESS_TRIES = 6
"""How often in a row a connection may bring next to nothing; at this number the download is given up."""

PROGRESS = 64 * 1024
"""Bytes from which on a connection that broke was not fruitless."""

RANGE_NOT_SATISFIABLE = 416


def may_continue(error: SamError) -> bool:
    """Decide whether a download that failed may go on: the connection broke, or the batch is hidden for a moment."""
    return isinstance(error, (SamTransportError, SamNotFoundError))


class ResultsDisagreeError(SamResultsError):
    """What came is not what it should be: by the batch's counts, or by what came before. It may be, the next time."""


class Download:
    """Iterate once to get the bytes of a batch's results.

    :param is_whole: tells whether all results have come; asked when an answer ends as if it were complete.
    :param digest: gives the SHA-256 of all bytes handed out so far.
    :param sleep: waits a number of seconds before the connection is tried again.
    """

    def __init__(
        self,
        client: SamClient,
        batch_id: str,
        *,
        betas: Sequence[str] | None,
        is_whole: Callable[[], bool],
        digest: Callable[[], bytes],
        log: Logger,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.received = 0
        self._client, self._batch_id, self._betas = client, batch_id, betas
        self._is_whole, self._digest = is_whole, digest
        self._log, self._sleep = log, sleep
        self._tail = b""
        self._fruitless = 0

    def __iter__(self) -> Iterator[bytes]:
        ended_at = None
        while True:
            before = self.received
            try:
                yield from self._answer()
            except SamError as error:
                if isinstance(error, SamResultsError) or not may_continue(error):
                    raise
                self._wait(error, before)
            else:
                # An answer that ends where an earlier one ended too holds all that the server has.
                if self._is_whole() or self.received == ended_at:
                    return
                ended_at = self.received
                self._wait(None, before)

    def _answer(self) -> Iterator[bytes]:
        offset = self.received - len(self._tail)
        try:
            with self._client.stream_results(self._batch_id, offset=offset, betas=self._betas) as answer:
                chunks = self._unknown_of(answer, offset) if self.received else iter(answer)
                for chunk in chunks:
                    self.received += len(chunk)
                    self._tail = (self._tail + chunk if len(chunk) < OVERLAP else chunk)[-OVERLAP:]
                    yield chunk
        except SamStatusError as error:
            if error.status == RANGE_NOT_SATISFIABLE:
                raise ResultsDisagreeError(f"the results were {self.received} bytes at least, and are fewer") from error
            raise

    def _unknown_of(self, answer: ResultsStream, asked: int) -> Iterator[bytes]:
        """Leave out what has come before, once it is seen to be the same."""
        if answer.offset == asked:
            return leave_out(answer, len(self._tail), hashlib.sha256(self._tail).digest())
        if answer.offset == 0:
            return leave_out(answer, self.received, self._digest())
        raise ResultsDisagreeError(f"asked for the results from byte {asked} on, came from {answer.offset} on")

    def _wait(self, error: SamError | None, before: int) -> None:
        """Wait before the next try.

        :raises SamError: the error, when several tries in a row have brought next to nothing.
        """
        self._fruitless = 0 if self.received - before >= PROGRESS else self._fruitless + 1
        what = error.happened() if error else "the answer ended before all results had come"
        if self._fruitless >= FRUITLESS_TRIES:
            where = f"at byte {self.received}, {FRUITLESS_TRIES} times in a row"
            message = f"the results of batch {self._batch_id} broke off {where}; the last time: {what}"
            raise SamResultsError(message) from error
        seconds = backoff(self._fruitless + 1, random.random())  # noqa: S311 - spreads load, guards nothing
        self._log.warning(
            "Batch %s: the download broke off at byte %d (%s), goes on in %.1f s",
            self._batch_id,
            self.received,
            what,
            seconds,
        )
        self._sleep(seconds)


def leave_out(chunks: Iterable[bytes], length: int, digest: bytes) -> Iterator[bytes]:
    """Give what follows the first `length` bytes.

    :param digest: the SHA-256 that those bytes must have.
    :raises ResultsDisagreeError: they have another one.
    :raises SamDisconnectedError: they do not come to their end.
    """
    sha256, left = hashlib.sha256(), length
    for chunk in chunks:
        known, rest = chunk[:left], chunk[left:]
        if left:
            sha256.update(known)
            left -= len(known)
            if not left and sha256.digest() != digest:
                raise ResultsDisagreeError(f"the {length} bytes before the break come differently now")
        if rest:
            yield rest
    if left:
        raise SamDisconnectedError(f"the answer ended {left} bytes before the point where it broke off last time")

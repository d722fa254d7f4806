"""One batch's results as one stream of bytes, however often the connection breaks on the way.

A broken download goes on where it was. Where the server tells versions of the results apart, by an ETag or the time of
the last change, it is asked to leave out what has come of that version, and the end of that is compared with what it
sends again. Where it does not, all is read again, and the hash of what has come is compared. Bytes are never handed out
twice, and never from a file that has become another one meanwhile.

A connection that brings too little for a minute is given up as one that broke is, so that a stall has an end: a
download that gets nowhere fails after `FRUITLESS_TRIES` connections. Each of them lasts for `read_timeout` of silence,
or for `SPAN` where bytes only drip, and the pauses between them add up to less than a minute and a half.
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
    SamTimeoutError,
    SamTransportError,
)
from airflow_provider_sam.api.retries import BACKOFF
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.results import ResultsStream
    from airflow_provider_sam.batches.progress import Logger

OVERLAP = 4096
"""Bytes that are asked for again after a break, and compared with those that came before it."""

FRUITLESS_TRIES = 6
"""How often in a row a connection may bring next to nothing; at this number the download is given up."""

PROGRESS = 64 * 1024
"""Bytes from which on a connection that broke was not fruitless."""

SPAN = 60.0
"""Seconds in which a connection must bring `PROGRESS` bytes, or its whole answer."""

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
    :param clock: tells the seconds that have passed.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.received = 0
        self._client, self._batch_id, self._betas = client, batch_id, betas
        self._is_whole, self._digest = is_whole, digest
        self._log, self._sleep, self._clock = log, sleep, clock
        self._validator: str | None = None
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
        offset = self.received - len(self._tail) if self._validator else 0
        try:
            with self._client.stream_results(
                self._batch_id, offset=offset, if_range=self._validator, betas=self._betas
            ) as answer:
                steady = self._steady(answer)
                chunks = self._unknown_of(answer, steady, offset) if self.received else steady
                self._validator = answer.validator
                for chunk in chunks:
                    self.received += len(chunk)
                    self._tail = (self._tail + chunk if len(chunk) < OVERLAP else chunk)[-OVERLAP:]
                    yield chunk
        except SamStatusError as error:
            if error.status == RANGE_NOT_SATISFIABLE:
                raise ResultsDisagreeError(
                    f"the results were {self.received} bytes or more before, and are fewer now"
                ) from error
            raise

    def _steady(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Return the bytes of a connection as long as it gets on.

        :raises SamTimeoutError: too little has come for too long.
        """
        coming, waited, received = iter(chunks), 0.0, 0
        while True:
            began = self._clock()
            chunk = next(coming, None)
            waited += self._clock() - began  # the time that it takes to store what has come does not count
            if chunk is None:
                return
            received += len(chunk)
            yield chunk
            if waited >= SPAN:
                if received < PROGRESS:
                    raise SamTimeoutError(
                        f"only {received} bytes arrived in {waited:.0f} s", operation="stream_results"
                    )
                waited, received = 0.0, 0

    def _unknown_of(self, answer: ResultsStream, chunks: Iterator[bytes], asked: int) -> Iterator[bytes]:
        """Leave out what has come before, once it is seen to be the same."""
        if answer.offset == 0:
            return leave_out(chunks, self.received, self._digest())
        if answer.offset == asked and answer.validator in {self._validator, None}:
            return leave_out(chunks, len(self._tail), hashlib.sha256(self._tail).digest())
        came = f"came from {answer.offset} on, of version {answer.validator!r}"
        raise ResultsDisagreeError(f"asked for the results from byte {asked} on of {self._validator!r}, {came}")

    def _wait(self, error: SamError | None, before: int) -> None:
        """Wait before the next try.

        :raises SamError: the error, when several tries in a row have brought next to nothing.
        """
        self._fruitless = 0 if self.received - before >= PROGRESS else self._fruitless + 1
        what = error.summary() if error else "the answer ended before all results had come"
        if self._fruitless >= FRUITLESS_TRIES:
            where = f"at byte {self.received}, {FRUITLESS_TRIES} times in a row"
            message = f"the results of batch {self._batch_id} broke off {where}; the last time: {what}"
            raise SamResultsError(message) from error
        seconds = BACKOFF.seconds(self._fruitless + 1, random.random())  # noqa: S311 - spreads load, guards nothing
        self._log.warning(
            "Batch %s: the download broke off at byte %d (%s); continuing in %.1f s",
            self._batch_id,
            self.received,
            what,
            seconds,
        )
        self._sleep(seconds)


def leave_out(chunks: Iterable[bytes], length: int, digest: bytes) -> Iterator[bytes]:
    """Return what follows the first `length` bytes.

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
                raise ResultsDisagreeError(f"the {length} bytes before the break are different now")
        if rest:
            yield rest
    if left:
        raise SamDisconnectedError(f"the answer ended {left} bytes before the point where it broke off last time")

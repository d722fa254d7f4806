"""A download ends, whatever the server does with its time; the clock here is one of paper."""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from airflow_provider_sam.api.errors import SamTimeoutError
from airflow_provider_sam.batches.land.download import FRUITLESS_TRIES, PROGRESS, SPAN, Download
from airflow_provider_sam.exceptions import SamResultsError

READ_TIMEOUT = 300.0
PAUSES = 90.0


class Server:
    """Sends chunks of some size, one each so many seconds, and holds a clock.

    :param silent: send nothing after the first chunk, until the client's time is up
    """

    def __init__(self, *, every, size, silent=False, total=None):
        self.now, self.connections = 0.0, 0
        self.every, self.size, self.silent, self.total = every, size, silent, total

    @contextmanager
    def stream_results(self, *_, **__):
        self.connections += 1
        yield Answer(self.chunks())

    def chunks(self):
        sent = 0
        while self.total is None or sent < self.total:
            self.now += self.every
            yield b"x" * self.size
            sent += self.size
            if self.silent:
                self.now += READ_TIMEOUT
                raise SamTimeoutError("silence", operation="stream_results")

    def sleep(self, seconds):
        self.now += seconds


class Answer(SimpleNamespace):
    """An open answer from the first byte on."""

    def __init__(self, chunks):
        super().__init__(offset=0, validator=None, chunks=chunks)

    def __iter__(self):
        return self.chunks


def download_from(server, received):
    return Download(
        server,
        "msgbatch_1",
        betas=None,
        is_whole=lambda: True,
        digest=lambda: hashlib.sha256(b"x" * len(received)).digest(),
        log=logging.getLogger(__name__),
        sleep=server.sleep,
        clock=lambda: server.now,
    )


def receive(server):
    received = bytearray()
    for chunk in download_from(server, received):
        received += chunk
    return received


@pytest.mark.parametrize("size", [1, 1000])
def test_bytes_that_only_drip_end_in_an_error(size):
    server = Server(every=5.0, size=size)
    with pytest.raises(SamResultsError, match=r"broke off at byte \d+, 6 times in a row.*bytes arrived in 60 s"):
        receive(server)
    assert server.connections == FRUITLESS_TRIES
    assert server.now <= FRUITLESS_TRIES * SPAN + PAUSES


def test_silence_ends_in_an_error():
    server = Server(every=5.0, size=1, silent=True)
    with pytest.raises(SamResultsError, match="6 times in a row"):
        receive(server)
    assert server.now <= FRUITLESS_TRIES * (READ_TIMEOUT + 5) + PAUSES


def test_what_is_slow_but_gets_on_is_waited_for():
    server = Server(every=SPAN / 2, size=PROGRESS, total=PROGRESS * 50)
    assert len(receive(server)) == PROGRESS * 50
    assert server.connections == 1


def test_the_time_that_storing_takes_is_not_the_servers():
    server = Server(every=1.0, size=100, total=1000)
    received = bytearray()
    for chunk in download_from(server, received):
        received += chunk
        server.now += SPAN
    assert (len(received), server.connections) == (1000, 1)

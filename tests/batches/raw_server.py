"""A server that answers with bytes written by the test: what no well-behaved server would send."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BATCH_ID = "msgbatch_raw"
LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends RST


@dataclass
class Answer:
    """How the results are answered once.

    :param body: what is sent of the body
    :param framing: how the body's end is told: `length`, `chunked` or `close`
    :param length: the content-length to claim; by default that of the body
    :param stall: keep the connection open after the body, and send nothing more
    :param reset: close by RST
    :param ranges: answer a range that is asked for by 206
    :param headers: what else the head holds; with an `etag`, an `if-range` of another one gets the whole body
    :param status: of an answer that is not 206
    :param stubborn: answer a range whatever its `if-range` says
    :param endless: what is sent after the body again and again, as long as the client takes it; needs `close`
    """

    body: bytes
    framing: str = "length"
    length: int | None = None
    stall: bool = False
    reset: bool = False
    ranges: bool = False
    endless: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: str = "200 OK"
    stubborn: bool = False


@dataclass
class RawServer:
    """Answers the batch, and its results by the answers in turn; the last one stays."""

    counts: Mapping[str, int]
    answers: list[Answer]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    _held: list[socket.socket] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with suppress(ConnectionError):  # a client that is killed leaves in the middle of a word
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            while line := requests.readline():
                headers = dict(self._headers(requests))
                if not line.split()[1].endswith(b"/results"):
                    body = json.dumps(self._batch()).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                    continue
                self.asked.append(headers)
                self._answer(connection, self.answers[min(len(self.asked), len(self.answers)) - 1], headers)
                return

    @staticmethod
    def _headers(requests) -> Iterator[tuple[str, str]]:
        while (line := requests.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            yield name.lower(), value.strip()

    def _answer(self, connection: socket.socket, answer: Answer, headers: Mapping[str, str]) -> None:
        body, status = answer.body, answer.status.encode()
        length = len(body) if answer.length is None else answer.length
        head = b"content-type: application/x-jsonl\r\n"
        head += b"".join(b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in answer.headers.items())
        current = answer.stubborn or headers.get("if-range") in {
            None,
            answer.headers.get("etag"),
            answer.headers.get("last-modified"),
        }
        if answer.ranges and "range" in headers and current:
            first = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
            head += b"content-range: bytes %d-%d/%d\r\n" % (first, length - 1, length)
            body, length, status = body[first:], length - first, b"206 Partial Content"
        if answer.framing == "length":
            head += b"content-length: %d\r\n" % length
        elif answer.framing == "chunked":
            head += b"transfer-encoding: chunked\r\n"
            whole = answer.length is None
            body = b"%x\r\n%s\r\n" % (len(body), body) + (b"0\r\n\r\n" if whole else b"")
        connection.sendall(b"HTTP/1.1 %s\r\n%sconnection: close\r\n\r\n%s" % (status, head, body))
        while answer.endless:  # until the client leaves, which is a ConnectionError
            connection.sendall(answer.endless)
        if answer.stall:
            held = connection.dup()
            self._held.append(held)
        elif answer.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)

    def _batch(self) -> dict[str, object]:
        return {
            "id": BATCH_ID,
            "type": "message_batch",
            "processing_status": "ended",
            "request_counts": {
                "processing": 0,
                "succeeded": 0,
                "errored": 0,
                "canceled": 0,
                "expired": 0,
                **self.counts,
            },
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": "2026-01-01T01:00:00Z",
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }


@contextmanager
def raw_server(counts: Mapping[str, int], *answers: Answer) -> Iterator[RawServer]:
    """Serve while the block lasts."""
    server = RawServer(counts, list(answers))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # closed: the test is over
                    return
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for held in server._held:
                held.close()

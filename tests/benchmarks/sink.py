"""A server that takes batches as fast as they come and keeps nothing, so that only the sender's time is measured."""

from __future__ import annotations

import json
import socket
import sys

EMPTY_PAGE = {"data": [], "has_more": False, "first_id": None, "last_id": None}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 100_000, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-02T00:00:00Z",
    "ended_at": None,
    "archived_at": None,
    "cancel_initiated_at": None,
    "results_url": None,
}


def serve() -> None:
    """Print the port, and answer until the process is ended."""
    buffer = bytearray(1 << 20)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                while answer(connection, buffer):
                    pass


def answer(connection: socket.socket, buffer: bytearray) -> bool:
    """Answer one request; False when the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := connection.recv(65536)):
            return False
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    left = int(fields.get(b"content-length", 0)) - len(body)
    while left > 0:
        if not (count := connection.recv_into(buffer)):
            return False
        left -= count
    content = json.dumps(BATCH if head.startswith(b"POST") else EMPTY_PAGE).encode()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)
    )
    return True


if __name__ == "__main__":
    sys.exit(serve())

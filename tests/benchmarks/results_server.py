"""A server that sends a file as a batch's results, as fast as the kernel can: no contender may wait for it."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BATCH_ID = "msgbatch_benchmark"


def batch_of(counts: dict[str, int]) -> bytes:
    """Describe the batch as the API does."""
    return json.dumps(
        {
            "id": BATCH_ID,
            "type": "message_batch",
            "processing_status": "ended",
            "request_counts": {"processing": 0, "canceled": 0, "expired": 0, **counts},
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": "2026-01-01T01:00:00Z",
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"/v1/messages/batches/{BATCH_ID}/results",
        }
    ).encode()


def main(file: str, counts: str) -> None:
    """Print the URL, then serve until stdin is closed."""
    path, batch = Path(file), batch_of(json.loads(counts))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            results = self.path.partition("?")[0].endswith("/results")
            size = path.stat().st_size if results else len(batch)
            self.send_response(200)
            self.send_header("content-type", "application/x-jsonl" if results else "application/json")
            self.send_header("content-length", str(size))
            self.end_headers()
            if not results:
                self.wfile.write(batch)
                return
            with path.open("rb") as source:
                sent = 0
                while sent < size:
                    sent += os.sendfile(self.connection.fileno(), source.fileno(), sent, size - sent)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A server that keeps what it is sent, answers all of it when told to, and is not what is measured."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MOMENT = "2026-01-01T00:00:00Z"
CUSTOM_ID = re.compile(rb'"custom_id":"([^"]+)"')
TOOL = re.compile(rb'"tool_choice":\{[^}]*"name":"([^"]+)"')
LABELS = ("positive", "negative", "other")
REASON = "The document says so in its first sentence, and nothing that follows it takes that back; see its end. No. "


class Batch:
    """One batch: its requests as they came, and then the results in another order."""

    def __init__(self, batch_id: str, body: bytearray, results: Path) -> None:
        self.batch_id = batch_id
        self.results = results
        self._body = body
        self._counts = Counter(processing=body.count(b'"custom_id":"'))

    def answer(self) -> None:
        """Write a result for each request, and forget the requests."""
        if not self._body:
            return
        found = TOOL.search(self._body)
        tool = found[1].decode() if found else ""
        custom_ids = [custom_id.decode() for custom_id in CUSTOM_ID.findall(self._body)]
        random.Random(0).shuffle(custom_ids)
        results = [result(custom_id, number, tool) for number, custom_id in enumerate(custom_ids)]
        with self.results.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(each, separators=(",", ":")) + "\n" for each in results)
        self._counts = Counter(each["result"]["type"] for each in results)
        self._body = bytearray()

    def written(self) -> dict[str, Any]:
        """Return the batch as the API writes it."""
        zero = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        ended = not self._body
        return {
            "id": self.batch_id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": zero | self._counts,
            "created_at": MOMENT,
            "expires_at": "2026-01-02T00:00:00Z",
            "ended_at": MOMENT if ended else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"/v1/messages/batches/{self.batch_id}/results" if ended else None,
        }


def result(custom_id: str, number: int, tool: str) -> dict[str, Any]:
    """Return what answers a request: one in fifty has failed, all others call the tool."""
    if number % 50 == 7:
        error = {"type": "api_error", "message": "Internal server error"}
        return {"custom_id": custom_id, "result": {"type": "errored", "error": {"type": "error", "error": error}}}
    given = {"label": LABELS[number % 3], "confidence": number % 1000 / 1000, "reason": f"{REASON}{number}"}
    message = {
        "id": f"msg_{number:020d}",
        "type": "message",
        "role": "assistant",
        "model": "sam-small",
        "content": [{"type": "tool_use", "id": f"toolu_{number:020d}", "name": tool, "input": given}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 700 + number % 90, "output_tokens": 40},
    }
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


class Server(ThreadingHTTPServer):
    """Holds the batches.

    :param folder: where results are written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.batches: dict[str, Batch] = {}

    def create(self, body: bytearray) -> Batch:
        """Take in a batch."""
        number = len(self.batches)
        batch = Batch(f"msgbatch_{number}", body, self.folder / f"results-{number}.jsonl")
        self.batches[batch.batch_id] = batch
        return batch

    def answer(self) -> list[str]:
        """Answer all batches; return their ids."""
        for batch in self.batches.values():
            batch.answer()
        return [*self.batches]

    def page(self) -> dict[str, Any]:
        """Return the list of all batches."""
        data = [batch.written() for batch in reversed(self.batches.values())]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return {"data": data, "has_more": False, **ends}


class Handler(BaseHTTPRequestHandler):
    """Speaks for the batches of its server."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Take in a batch, or do what is not measured: `answer` all, or `forget` them."""
        body = bytearray(int(self.headers["content-length"]))
        with memoryview(body) as whole:
            at = 0
            while at < len(body):
                at += self.rfile.readinto(whole[at:])
        if self.path == "/answer":
            self._send(self.server.answer())
        elif self.path == "/forget":
            self._send(self.server.batches.clear())
        else:
            self._send(self.server.create(body).written())

    def do_GET(self) -> None:
        """Show a batch, its results, or the list."""
        name, _, rest = self.path.partition("?")[0].removeprefix("/v1/messages/batches").strip("/").partition("/")
        if rest:
            self._send_file(self.server.batches[name].results)
        else:
            self._send(self.server.batches[name].written() if name else self.server.page())

    def _send(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._head("application/json", len(body))
        self.wfile.write(body)

    def _send_file(self, path: Path) -> None:
        size, sent = path.stat().st_size, 0
        self._head("application/x-jsonl", size)
        with path.open("rb") as source:
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), source.fileno(), sent, size - sent)

    def _head(self, kind: str, size: int) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(size))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(folder: str) -> None:
    """Print the URL, then serve until stdin is closed."""
    server = Server(Path(folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

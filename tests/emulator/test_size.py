"""The largest batch the API takes goes in and out of the emulator without being held in memory."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.emulator.test_batches import BATCHES
from tests.emulator.test_main import client_at, program

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

REQUESTS = 100_000
PROMPT = "word " * 455
MOST = 100  # MB of memory of its own; the pages of mapped files, which the system may take back, are not among it


def pieces():
    """A body of 242 MB, a thousand requests at a time."""
    yield b'{"requests": ['
    for start in range(0, REQUESTS, 1000):
        requests = [
            {
                "custom_id": f"row-{number}",
                "params": {
                    "model": "sam-small",
                    "max_tokens": 200,
                    "messages": [{"role": "user", "content": f"Classify {number}: {PROMPT}"}],
                },
            }
            for number in range(start, start + 1000)
        ]
        yield (b"," if start else b"") + json.dumps(requests).encode()[1:-1]
    yield b"]}"


class Watch(threading.Thread):
    """Follows how much memory of its own a process has."""

    def __init__(self, pid):
        super().__init__()
        self.status = Path(f"/proc/{pid}/status")
        self.peak = 0
        self.enough = threading.Event()

    def run(self):
        while not self.enough.wait(0.05):
            (line,) = [line for line in self.status.read_text().splitlines() if line.startswith("RssAnon")]
            self.peak = max(self.peak, int(line.split()[1]) // 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.join()


def test_the_largest_batch_goes_in_and_out_in_little_memory(tmp_path):
    with program(tmp_path, "--end-after", "0") as (process, url), client_at(url) as client, Watch(process.pid) as watch:
        headers = {"content-type": "application/json"}
        batch_id = client.post(BATCHES, content=pieces(), headers=headers, timeout=300).json()["id"]
        assert client.get(f"{BATCHES}/{batch_id}").json()["request_counts"]["succeeded"] == REQUESTS
        with client.stream("GET", f"{BATCHES}/{batch_id}/results", timeout=300) as answer:
            names = {json.loads(line)["custom_id"] for line in answer.iter_lines()}
        assert names == {f"row-{number}" for number in range(REQUESTS)}
    assert watch.peak < MOST

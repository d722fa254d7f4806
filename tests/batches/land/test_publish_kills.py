"""A task that is killed at any moment leaves nothing half done behind, and nothing at all after its retry."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batches.land.test_publish_faults import COUNTS, WHOLE
from tests.batches.raw_server import Answer, raw_server

ROOT = Path(__file__).parents[3]


def kill_often(tmp_path, uri, kills, *, whole=WHOLE, counts=COUNTS):
    """Let `killing` do its work; gives how many landings were killed before they had ended."""
    expected = tmp_path / "expected"
    expected.write_bytes(whole)
    with raw_server(counts, Answer(whole)) as server:
        command = [sys.executable, "-m", "tests.batches.killing", server.url, uri, str(kills), str(expected)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["faults"] == 0, done.stderr[-3000:]
    return told["killed"]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_kills_leave_nothing_on_a_local_disk(tmp_path):
    folder = tmp_path / "out"
    assert kill_often(tmp_path, (folder / "results.jsonl").as_uri(), 100) >= 30
    assert sorted(path.name for path in folder.iterdir()) == ["results.jsonl", "results.jsonl.manifest.json"]

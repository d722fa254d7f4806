"""A million requests take little more memory than ten thousand, whatever they come as."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FEW, MANY = 10_000, 1_000_000
MEGABYTES = 64
"""By which memory may grow between the two; a list of a million names would take twice that."""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["rows", "lines"])
def test_a_million_requests_take_little_more_memory_than_ten_thousand(kind):
    command = [sys.executable, "-m", "tests.batches.submit.measuring", kind, str(FEW), str(MANY)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    few, many = map(json.loads, done.stdout.splitlines())
    assert [(told["requests"], told["batches"]) for told in (few, many)] == [(FEW, 1), (MANY, 10)]
    assert many["megabytes"] - few["megabytes"] < MEGABYTES, (few, many)

"""A million rows take no more memory than ten thousand, wherever they come from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rows.measuring import KINDS

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
FEW, MANY = 10_000, 1_000_000
MEGABYTES = 80
"""How much more they may take: half of what is read of the large table. Some is what allocators keep for later."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The rows and megabytes of each kind, of a small and of a large table."""
    command = [sys.executable, "-m", "tests.rows.measuring", str(tmp_path_factory.mktemp("rows")), str(FEW), str(MANY)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_rows_take_no_more_memory_than_ten_thousand(told, kind):
    few, many = (figures for figures in told if figures["kind"] == kind)
    assert (few["rows"], many["rows"]) == (FEW, MANY)
    assert many["megabytes"] - few["megabytes"] < MEGABYTES

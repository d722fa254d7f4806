"""Whatever a server sends, a landing stops at what a batch can have, and its memory stays small."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.batches.land.test_publish_faults import line
from tests.batches.raw_server import Answer, raw_server

pytestmark = pytest.mark.timeout(300)  # for all landings of the module, on a machine that has other work too

ROOT = Path(__file__).parents[3]
MEGABYTES = 256
TOTAL = 1000
LINES = b"".join(line(f"row-{number}", "expired") for number in range(TOTAL))
ENDLESS = {
    "one line": (b'{"custom_id":"', b"x" * (1 << 20), "line 1, from byte 0 on, has more than 32000000 bytes"),
    "one line after others": (LINES, b" " * (1 << 20), f"line {TOTAL + 1}, from byte {len(LINES)} on, has more than"),
    "results": (b"", line("a", "expired") * 1000, "results instead of 1000"),
    "results under names of their own": (LINES, LINES.replace(b"row", b"other"), r"\b\d{4} results instead of 1000"),
    "blank lines": (b"", b"\n" * (1 << 16), "blank lines"),
    "blank lines after all results": (LINES, b" \r\n" * (1 << 16), "blank lines"),
    "tiny lines": (b"", b"0\n" * (1 << 16), "line 1, 1 bytes from byte 0 on, is not a result"),
}


LONG = line("a").replace(b"Gr", random.Random(1).randbytes(15_500_000).hex().encode(), 1)
LONG_ONES = ("r.jsonl", "r.jsonl.zst", "r.parquet")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What came of each landing: its error, the megabytes, how often results were asked for, and where they are."""
    servers = {name: ({"succeeded": 1}, Answer(LONG)) for name in LONG_ONES}
    servers["many"] = ({"expired": 10**9}, Answer(b""))
    for name, (body, endless, _) in ENDLESS.items():
        servers[name] = ({"expired": TOTAL}, Answer(body, "close", endless=endless))
    folder = tmp_path_factory.mktemp("bounds")
    folders = {name: folder / name.replace(" ", "-") for name in servers}
    with ExitStack() as stack:
        running = {name: stack.enter_context(raw_server(*given)) for name, given in servers.items()}
        pairs = [
            text
            for name in running
            for text in (running[name].url, (folders[name] / (name if name in LONG_ONES else "r.jsonl")).as_uri())
        ]
        command = [sys.executable, "-m", "tests.batches.measuring", *pairs]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]  # the others are a log's
    return {
        name: figures | {"asked": len(running[name].asked), "folder": folders[name]}
        for name, figures in zip(running, lines, strict=True)
    }


@pytest.mark.parametrize("what", ENDLESS)
def test_an_endless_answer_ends_with_an_error_and_little_memory(told, what):
    assert re.search(ENDLESS[what][2], told[what]["error"])
    assert told[what]["megabytes"] < MEGABYTES
    assert told[what]["asked"] == 2
    assert list(told[what]["folder"].iterdir()) == []


@pytest.mark.parametrize("name", LONG_ONES)
def test_one_result_of_almost_the_longest_line_takes_little_memory_in_every_format(told, name):
    assert told[name]["error"] == ""
    assert told[name]["megabytes"] < MEGABYTES
    if name == "r.jsonl":
        assert (told[name]["folder"] / name).read_bytes() == LONG


def test_of_a_long_result_a_parquet_file_holds_what_is_counted_and_the_whole_line(told):
    (row,) = pyarrow.parquet.read_table(told["r.parquet"]["folder"] / "r.parquet").to_pylist()

    assert row["raw"].encode() + b"\n" == LONG
    assert (row["custom_id"], row["outcome"], row["text"], row["stop_reason"]) == ("a", "succeeded", None, "end_turn")


def test_a_batch_that_claims_more_than_the_api_allows_is_not_begun(told):
    assert "reports 1000000000 results" in told["many"]["error"]
    assert told["many"]["asked"] == 0

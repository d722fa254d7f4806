"""Landing results on a local disk: `curl -o`, a plain httpx loop, the SDK's loop, common.ai's landing, and ours.

One server sends the same file to each in turn, several rounds; each contender runs in a fresh process, and its time
begins after its imports. The medians are printed as ratios to curl's.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.contenders import CONTENDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
REQUESTS = 100_000
TEXT_BYTES = 4_280
SIZES = {"50 MB": 10_800, "463 MB": REQUESTS, "2 GB": 440_000}
"""Files for the memory's measurement, by number of results; a batch of the API ends at 100,000."""

WORDS = ("the", "results", "of", "batch", "classify", "document", "Straße", "naïve", "日本", "paragraph", "token")


def make_results(path: Path, lines: int) -> dict[str, int]:
    """Write `lines` results, some 4.6 kB each; give the counts."""
    texts = [" ".join(WORDS[(seed * step) % len(WORDS)] for step in range(TEXT_BYTES // 7)) for seed in range(1, 98)]
    with path.open("wb") as file:
        for number in range(lines):
            result = {"custom_id": f"row-{number}", "result": _result(number, texts[number % 97])}
            file.write(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    errored = len(range(7, lines, 50))
    return {"succeeded": lines - errored, "errored": errored}


def _result(number: int, text: str) -> dict[str, Any]:
    if number % 50 == 7:
        error = {"type": "api_error", "message": "Internal server error"}
        return {"type": "errored", "error": {"type": "error", "error": error, "request_id": f"req_{number}"}}
    usage = {"input_tokens": number % 900, "output_tokens": 300, "cache_read_input_tokens": number % 7}
    message = {
        "id": f"msg_{number:020d}",
        "type": "message",
        "role": "assistant",
        "model": "sam-small",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn" if number % 9 else "max_tokens",
        "stop_sequence": None,
        "usage": usage,
    }
    return {"type": "succeeded", "message": message}


@contextmanager
def serving(path: Path, counts: dict[str, int]) -> Iterator[str]:
    """Serve a file while the block lasts."""
    command = [sys.executable, "-m", "tests.benchmarks.results_server", str(path), json.dumps(counts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the server has no pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def run(name: str, url: str, target: Path) -> dict[str, float]:
    """Let one contender land once."""
    for leftover in target.parent.glob(f"*{target.name}*"):
        leftover.unlink()
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.contenders", name, url, str(target)]
    environment = {**os.environ, "REQUESTS": str(REQUESTS)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="bench-land-"))
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow")
    try:
        speed(folder)
        memory(folder)
    finally:
        shutil.rmtree(folder)


def speed(folder: Path) -> None:
    """Let all contenders land the same file in turn."""
    counts = make_results(folder / "served.jsonl", REQUESTS)
    size = (folder / "served.jsonl").stat().st_size
    sys.stdout.write(f"land: {REQUESTS} results, {size / 1e6:.0f} MB, {ROUNDS} rounds\n")
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    with serving(folder / "served.jsonl", counts) as url:
        for _ in range(ROUNDS):
            for name in CONTENDERS:
                figures[name].append(run(name, url, folder / "landed.jsonl"))
    for name in figures:
        told = []
        for kind in ("seconds", "processor"):
            middle, floor = (statistics.median(one[kind] for one in figures[who]) for who in (name, "curl"))
            told.append(f"{middle:6.2f} s {kind.replace('seconds', 'wall'):9} {middle / floor:6.2f} x curl")
        sys.stdout.write(f"  {name:10} {'   '.join(told)}\n")


def memory(folder: Path) -> None:
    """Let ours land files of several sizes."""
    sys.stdout.write("peak memory above the process after its imports:\n")
    for name, lines in SIZES.items():
        path = folder / "served.jsonl"
        counts = make_results(path, lines)
        with serving(path, counts) as url:
            figures = run("ours", url, folder / "landed.jsonl")
        sys.stdout.write(f"  {name:10} {figures['megabytes']:6.1f} MB\n")

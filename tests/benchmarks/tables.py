"""A Parquet file of 200 MB becomes requests, and the answers a typed Parquet file: pyarrow alone, common.ai, and ours.

Each half of the work, up to the batch and back from it, runs in a fresh process, and its time begins after its imports.
The contenders take turns for several rounds; the medians are printed as ratios to pyarrow's, which checks nothing,
remembers nothing, and holds everything in memory. All of them have to make the same table.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from tests.benchmarks.table_contenders import CONTENDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ROWS = 100_000
ROW_BYTES = 2000
GROUP_ROWS = 10_000
HALVES = ("submit", "land")

Figures = dict[str, dict[str, float]]


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="bench-tables-"))
    try:
        make_table(folder / "in.parquet")
        size = (folder / "in.parquet").stat().st_size / 1e6
        sys.stdout.write(f"tables: {ROWS:,} rows, a Parquet file of {size:.0f} MB, {ROUNDS} rounds\n")
        figures: dict[str, list[Figures]] = defaultdict(list)
        with serving(folder) as url:
            for _ in range(ROUNDS):
                for name in CONTENDERS:
                    figures[name].append(run(name, url, folder))
        show(figures)
    finally:
        shutil.rmtree(folder)


def make_table(path: Path) -> None:
    """Write rows with a text each that no compression makes smaller."""
    import pyarrow as pa
    from pyarrow import parquet

    source = random.Random(0)
    texts = (base64.encodebytes(source.randbytes(ROW_BYTES * 3 // 4)).decode()[: ROW_BYTES - 9] for _ in range(ROWS))
    table = pa.table({"id": [f"d{number:06d}" for number in range(ROWS)], "text": list(texts)})
    parquet.write_table(table, path, row_group_size=GROUP_ROWS)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run the server while the block lasts, and give its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.answering_server", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the server has no pipes")
        yield server.stdout.readline().strip()
        server.stdin.close()


def run(name: str, url: str, folder: Path) -> Figures:
    """Let one contender go to the batch and back."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        place = Path(home)
        (place / "in.parquet").symlink_to(folder / "in.parquet")
        sent = run_half(name, "submit", url, place)
        batch_ids = ask(f"{url}/answer")
        landed = run_half(name, "land", url, place, *batch_ids)
        check(place / "out.parquet")
    ask(f"{url}/forget")
    return {"submit": sent, "land": landed}


def run_half(name: str, half: str, url: str, folder: Path, *batch_ids: str) -> dict[str, float]:
    """Let one contender do one half, in a process of its own."""
    module = ["-W", "ignore", "-m", "tests.benchmarks.table_contenders"]
    command = [sys.executable, *module, name, half, url, str(folder), *batch_ids]
    environment = {**os.environ, "AIRFLOW_HOME": str(folder / "airflow")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ask(url: str) -> Any:
    """Have the server do what is not measured."""
    with urlopen(url, data=b"") as answer:  # noqa: S310 - our own server
        return json.load(answer)


def check(path: Path) -> None:
    """Check that a table has all rows, in their order, and the answers beside them."""
    from pyarrow import parquet

    table = parquet.read_table(path, columns=["id", "label"])
    if table.column("id").to_pylist() != [f"d{number:06d}" for number in range(ROWS)]:
        raise RuntimeError("the table does not have the rows that came in")
    if not 0 < table.column("label").null_count <= ROWS // 25:
        raise RuntimeError(f"the table lacks {table.column('label').null_count} answers")


def show(figures: dict[str, list[Figures]]) -> None:
    """Print medians, and their ratios to pyarrow's."""

    def middle(name: str, *halves: str, kind: str = "seconds") -> float:
        return statistics.median(sum(each[half][kind] for half in halves) for each in figures[name])

    for name in figures:
        parts = [
            f"{half} {middle(name, half):5.2f} s ({middle(name, half) / middle('pyarrow', half):.1f} x)"
            for half in HALVES
        ]
        ratios = [
            f"{middle(name, *HALVES, kind=kind) / middle('pyarrow', *HALVES, kind=kind):5.2f} x pyarrow's {said}"
            for kind, said in (("seconds", "time"), ("processor", "processor time"))
        ]
        memory = max(middle(name, half, kind="megabytes") for half in HALVES)
        told = ", ".join([*parts, f"both {middle(name, *HALVES):5.2f} s", *ratios, f"{memory:4.0f} MB above imports"])
        sys.stdout.write(f"  {name:10} {told}\n")


if __name__ == "__main__":
    main()

"""`make demo`: the example Dag against the emulator, and what it left on object storage."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from tests.deployment.local import airflow_home, emulator
from tests.deployment.processes import ending_on_signals, running

DAG_ID = "example_sam_batch"
DAG_ALONE = {"AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parents[2] / "example_dags" / f"{DAG_ID}.py")}
"""Airflow parses no other example: not all of them run on each version."""
SHOWN = 3  # results
INTERRUPTED = 130


def main() -> int:
    """Run the Dag and show its results; the exit code is the Dag's."""
    folder = airflow_home() / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = ["airflow", "dags", "test", DAG_ID, "--conf", json.dumps({"folder": folder.as_uri()})]
    try:
        with ending_on_signals(), emulator(folder) as sam, running(command, env=sam.environment() | DAG_ALONE) as dag:
            if code := dag.wait():
                return code
    except KeyboardInterrupt:
        return INTERRUPTED
    return show(folder)


def show(folder: Path) -> int:
    """Print manifest, first results and where they lie; give 1 unless each request has exactly one result."""
    (requests,) = folder.glob("*/requests.jsonl")
    results = requests.with_name("results.jsonl")
    manifest = results.with_name("results.jsonl.manifest.json")
    print("\nManifest", json.dumps(json.loads(manifest.read_text(encoding="utf-8")), indent=2), sep="\n")
    lines = results.read_text(encoding="utf-8").split("\n")[:-1]
    print(f"\nFirst {SHOWN} of {len(lines)} results", *lines[:SHOWN], sep="\n")
    print("\nWhere they lie", requests, results, manifest, sep="\n")
    if ids_of(results) != ids_of(requests) or max(ids_of(results).values()) > 1:
        print("\nRequests and results do not match: this should not happen.", file=sys.stderr)
        return 1
    return 0


def ids_of(path: Path) -> Counter[str]:
    """Count the lines of each custom_id."""
    with path.open("rb") as lines:
        return Counter(json.loads(line)["custom_id"] for line in lines)


if __name__ == "__main__":
    sys.exit(main())

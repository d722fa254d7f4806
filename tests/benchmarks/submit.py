"""100,000 requests (245 MB) from a JSONL file on disk to a sink on loopback, beside the `anthropic` SDK's own way.

Each runs in a process of its own, one after the other, several times; the best time of each counts, which is the one
least disturbed. Memory is the peak above what the process had after its imports.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUESTS = 100_000
PROMPT = "A sentence that stands for a document, é and all. " * 45
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
KEY = "a-key-for-the-sink"


def main() -> None:
    """Measure both and print the ratios."""
    with tempfile.TemporaryDirectory(prefix="bench-submit-") as folder:
        path = write_input(Path(folder) / "requests.jsonl")
        size = path.stat().st_size / 1e6
        print(f"submit: {REQUESTS:,} requests, {size:.0f} MB of JSONL, best of {ROUNDS}")
        with sink() as url:
            best: dict[str, dict[str, float]] = {}
            for _ in range(ROUNDS):
                for name in CONTENDERS:
                    found = measured(name, path, url)
                    best[name] = {kind: min(value, best.get(name, found)[kind]) for kind, value in found.items()}
    ours, theirs = best["ours"], best["anthropic"]
    for name, found in best.items():
        print(
            f"  {name:10} {found['seconds']:6.2f} s   {found['cpu']:6.2f} s of CPU   {found['memory']:6.0f} MB peak   "
            f"{size / found['seconds']:5.0f} MB/s"
        )
    print(
        f"  of anthropic's: time 1/{theirs['seconds'] / ours['seconds']:.1f}, CPU 1/{theirs['cpu'] / ours['cpu']:.1f}, "
        f"memory 1/{theirs['memory'] / ours['memory']:.0f}"
    )


def write_input(path: Path) -> Path:
    """Write the requests."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(REQUESTS):
            params = {"model": "sam-small", "max_tokens": 100, "messages": [{"role": "user", "content": PROMPT}]}
            line = {"custom_id": f"row-{number:06d}", "params": params}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


@contextmanager
def sink() -> Iterator[str]:
    """Run the sink while the block lasts, and give its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def measured(name: str, path: Path, url: str) -> dict[str, float]:
    """Measure one contender in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.submit", name, str(path), url]
    with tempfile.TemporaryDirectory() as home:
        connection = json.dumps({"conn_type": "sam", "host": url, "password": KEY})
        env = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW_CONN_SAM_DEFAULT": connection}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(path: Path, url: str) -> Callable[[], object]:  # noqa: ARG001 - the connection leads there
    """The transfer, as a task runs it, remembering beside its input."""
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    from airflow_provider_sam.hooks.sam import SamHook
    from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

    state_path = Path(os.environ["AIRFLOW_HOME"], "state").as_uri()
    operator = ObjectStorageToSamBatchOperator(task_id="submit", path=path.as_uri(), state_path=state_path)
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="submit", map_index=-1, max_tries=0)
    integrate_macros_plugins()  # as Airflow's task runner does before it runs a task: the plugins of other providers
    with SamHook().client:  # as the SDK's client is made before the measurement, with all that it imports
        return lambda: operator.execute({"ti": ti})


def anthropic(path: Path, url: str) -> Callable[[], object]:
    """The SDK, as its documentation shows it: a list of requests, one call."""
    import anthropic as sdk

    client = sdk.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=600)
    client.messages.batches  # noqa: B018 - it imports what it needs at the first use

    def submit() -> object:
        with path.open("rb") as file:
            requests = [json.loads(line) for line in file]
        return client.messages.batches.create(requests=requests)

    return submit


CONTENDERS = {"ours": ours, "anthropic": anthropic}


def resident(kind: str) -> float:
    """Return this process's memory in MB: `VmRSS` now, `VmHWM` at its peak."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) * 1024 / 1e6


def run_alone(name: str, path: str, url: str) -> None:
    """Run one contender here and print what it took."""
    submit = CONTENDERS[name](Path(path), url)
    before, began, used = resident("VmRSS"), time.perf_counter(), time.process_time()
    submit()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": resident("VmHWM") - before}))


if __name__ == "__main__":
    run_alone(*sys.argv[1:])

"""The programs that land the same results: each runs in a process of its own and tells its time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.results_server import BATCH_ID

if TYPE_CHECKING:
    from collections.abc import Callable

API_KEY = "a-key-for-the-benchmark"


def curl(url: str, target: Path) -> Callable[[], object]:
    """`curl -o`: the floor, which looks at nothing that it writes."""
    command = ["curl", "--silent", "--fail", "--output", str(target), f"{url}/v1/messages/batches/{BATCH_ID}/results"]
    return lambda: subprocess.run(command, check=True)


def httpx_loop(url: str, target: Path) -> Callable[[], object]:
    """Write what httpx gives, and look at nothing."""
    import httpx

    def land() -> None:
        address = f"{url}/v1/messages/batches/{BATCH_ID}/results"
        with httpx.Client() as client, client.stream("GET", address) as answer, target.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)

    return land


def sdk_loop(url: str, target: Path) -> Callable[[], object]:
    """Write each result of the SDK's iterator as a line."""
    from anthropic import Anthropic

    def land() -> None:
        with Anthropic(api_key=API_KEY, base_url=url) as client, target.open("w", encoding="utf-8") as file:
            for result in client.messages.batches.results(BATCH_ID):
                file.write(result.to_json(indent=None) + "\n")

    return land


def common_ai(url: str, target: Path) -> Callable[[], object]:
    """Land as the task decorator of apache-airflow-providers-common-ai does."""
    from airflow.providers.common.ai.batch.anthropic import AnthropicBatchAdapter
    from airflow.providers.common.ai.batch.output_schema import build_output_spec
    from airflow.providers.common.ai.batch.results import stream_results_to_jsonl
    from airflow.sdk import ObjectStoragePath

    def land() -> None:
        stream_results_to_jsonl(
            adapter=AnthropicBatchAdapter(api_key=API_KEY, base_url=url),
            batch_id=BATCH_ID,
            output_spec=build_output_spec(str),
            request_count=int(os.environ["REQUESTS"]),
            custom_id_prefix="row",
            destination=ObjectStoragePath(f"file://{target}"),
        )

    return land


def ours(url: str, target: Path) -> Callable[[], object]:
    """The operator: parsed, counted, hashed, verified, synced to the disk, with a manifest."""
    connection = {"conn_type": "sam", "host": url, "password": API_KEY}
    os.environ["AIRFLOW_CONN_SAM_DEFAULT"] = json.dumps(connection)
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    from airflow_provider_sam.api import client  # noqa: F401 - what the task loads is not the landing
    from airflow_provider_sam.hooks.sam import SamHook
    from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

    operator = SamBatchToObjectStorageOperator(
        task_id="land", batch_id=BATCH_ID, path=f"file://{target}", overwrite="replace"
    )
    integrate_macros_plugins()  # as Airflow's task runner does before it runs a task: the plugins of other providers
    SamHook().client.close()  # reads the configuration, as starting a task does
    return lambda: operator.execute({})


CONTENDERS = {"curl": curl, "httpx": httpx_loop, "sdk": sdk_loop, "common.ai": common_ai, "ours": ours}


def measure(action: Callable[[], object]) -> dict[str, float]:
    """Run; give the seconds, those of the processor among them, and the megabytes by which memory grew at most."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _memory("VmRSS")
    began, worked = time.perf_counter(), _processor()
    action()
    return {
        "seconds": time.perf_counter() - began,
        "processor": _processor() - worked,
        "megabytes": _memory("VmHWM") - before,
    }


def _processor() -> float:
    return sum(os.times()[:4])


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(name: str, url: str, target: str) -> None:
    """Land once, and print the figures as JSON on the last line."""
    sys.stdout.write(json.dumps(measure(CONTENDERS[name](url, Path(target)))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

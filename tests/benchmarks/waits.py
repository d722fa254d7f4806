"""What waiting costs: many triggers in one event loop for a minute, ours beside those of two other providers.

Each program runs alone in a process of its own, against the same server in another process. Half of the batches end,
evenly over the time. Measured from before the first trigger is made until the time is over.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 10.0
METER = 0.05
"""Seconds between two readings of the loop's lag: five times as often would be most of the CPU that is measured."""
SECONDS = float(os.environ.get("SAM_BENCH_SECONDS", "60"))


@dataclass(frozen=True)
class Trial:
    """One program with so many waits, in a workspace with so many foreign batches."""

    program: str
    waits: int
    foreign: int = 0


TRIALS = (
    Trial("ours", 1000),
    Trial("anthropic", 1000),
    Trial("common.ai", 1000),
    Trial("ours", 5000),
    Trial("ours", 1000, foreign=20_000),
)


def ours(batch_id: str, deadline: float) -> Any:
    """Make a trigger of this provider."""
    from airflow_provider_sam.triggers.batch import SamBatchTrigger

    return SamBatchTrigger(batch_ids=[batch_id], deadline=deadline, poll_interval=INTERVAL)


def anthropic(batch_id: str, deadline: float) -> Any:
    """Make a trigger of apache-airflow-providers-anthropic."""
    from airflow.providers.anthropic.triggers.batch import AnthropicBatchTrigger

    return AnthropicBatchTrigger("other", batch_id, INTERVAL, deadline)


def common_ai(batch_id: str, deadline: float) -> Any:
    """Make a trigger of apache-airflow-providers-common-ai."""
    from airflow.providers.common.ai.triggers.llm_batch import LLMBatchTrigger

    return LLMBatchTrigger(
        llm_conn_id="other_ai",
        adapter="anthropic",
        batch_id=batch_id,
        poll_interval=int(INTERVAL),
        end_time=deadline,
        cancel_on_kill=False,
        cancel_on_timeout=False,
    )


PROGRAMS: dict[str, Callable[[str, float], Any]] = {"ours": ours, "anthropic": anthropic, "common.ai": common_ai}


async def wait_for_all(program: str, waits: int, url: str) -> dict[str, float]:
    """Run the triggers for a while in this loop, and tell what it cost."""
    make, lags, seen = PROGRAMS[program], [], {}
    deadline = time.time() + 3600
    make("msgbatch_0", deadline)  # what it imports is there before, as in a triggerer

    async def wait(name: str) -> None:
        async for _ in make(name, deadline).run():
            seen[name] = time.monotonic() - began

    async def measure_lag() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(METER)
            lags.append(time.perf_counter() - before - METER)

    warm = asyncio.ensure_future(wait("msgbatch_warm"))
    began = time.monotonic()
    await asyncio.sleep(1)
    warm.cancel()
    await asyncio.wait([warm])
    process = psutil.Process()
    gc.collect()
    memory, cpu = process.memory_info().rss, sum(process.cpu_times()[:2])
    await ask(f"{url}/start")
    began = time.monotonic()
    tasks = [asyncio.ensure_future(wait(f"msgbatch_{number}")) for number in range(waits)]
    tasks.append(asyncio.ensure_future(measure_lag()))
    await asyncio.sleep(SECONDS)
    result = {"cpu": sum(process.cpu_times()[:2]) - cpu, "memory": (process.memory_info().rss - memory) / 1e6}
    answer = await ask(f"{url}/count")
    for task in tasks:
        task.cancel()
    late = [seen[name] - end if name in seen else SECONDS - end for name, end in answer["ends"].items()]
    quantiles = statistics.quantiles(lags, n=100)
    return result | {"requests": answer["count"], "lag": quantiles[98] * 1e3, "late": max(late)}


async def ask(url: str) -> Any:
    """Ask the server of the trial something that it does not count."""
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).json()


def connections(url: str) -> dict[str, str]:
    """Return the environment with a connection for each program."""
    found = {
        "SAM_DEFAULT": {"conn_type": "sam", "host": url, "password": "k"},
        "OTHER": {"conn_type": "anthropic", "host": url, "password": "k"},
        "OTHER_AI": {"conn_type": "pydanticai", "host": url, "password": "k", "extra": {"model": "anthropic:sam"}},
    }
    return {**os.environ, **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in found.items()}}


def run(trial: Trial) -> dict[str, float]:
    """Run one trial in a process of its own."""
    ending = trial.waits // 2
    arguments = [str(trial.waits), str(trial.foreign), str(ending), str(SECONDS)]
    command = [sys.executable, "-m", "tests.benchmarks.batch_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip()
            command = [sys.executable, "-m", __name__, trial.program, str(trial.waits), url]
            done = subprocess.run(command, env=connections(url), stdout=subprocess.PIPE, text=True, check=True)
        finally:
            server.terminate()
    return json.loads(done.stdout.splitlines()[-1])


def say(line: str) -> None:
    """Print a line at once: a trial takes a minute."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run all trials whose program is installed, and print what each cost and how many times ours that is."""
    first: dict[str, float] = {}
    say(f"{SECONDS:g} s, a look every {INTERVAL:g} s; in brackets: times as much as the first line")
    for trial in TRIALS:
        module = {"anthropic": "airflow.providers.anthropic", "common.ai": "airflow.providers.common.ai"}
        if trial.program in module and importlib.util.find_spec(module[trial.program]) is None:
            say(f"{trial.program:>10}: not installed")
            continue
        cost = run(trial)
        first = first or cost
        figures = (
            ("requests", "requests", "{:.0f}"),
            ("cpu", "s CPU", "{:.2f}"),
            ("memory", "MB", "{:.0f}"),
            ("lag", "ms lag (99th percentile)", "{:.0f}"),
            ("late", "s until the last end was seen", "{:.1f}"),
        )
        told = ", ".join(
            f"{form.format(cost[key])} {what} ({cost[key] / max(first[key], 0.01):.1f})" for key, what, form in figures
        )
        say(f"{trial.program:>10}, {trial.waits} waits among {trial.foreign} foreign batches: {told}")


if __name__ == "__main__":
    program_, waits_, url_ = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(wait_for_all(program_, int(waits_), url_))) + "\n")

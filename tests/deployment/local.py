"""A local stack: the emulator in a process of its own, and the connection that leads Airflow to it."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.deployment.processes import running

if TYPE_CHECKING:
    from collections.abc import Iterator

API_KEY = "a-key-for-the-emulator"
STARTS_WITHIN = 30  # seconds


def airflow_home() -> Path:
    """Give the Airflow home that make has chosen; nothing here may touch a user's own."""
    if not (home := os.environ.get("AIRFLOW_HOME")):
        sys.exit("AIRFLOW_HOME is not set: run this through make")
    return Path(home)


@contextmanager
def emulator(folder: Path, *options: str) -> Iterator[str]:
    """Run the emulator on a free port while the block lasts; give its URL.

    :param folder: where its log goes
    :param options: further command line options of the emulator
    """
    ready = folder / "emulator.url"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "airflow_provider_sam.emulator", "--port=0", f"--ready-file={ready}", *options]
    with (folder / "emulator.log").open("w", encoding="utf-8") as log, running(command, output=log) as process:
        deadline = time.monotonic() + STARTS_WITHIN
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The emulator did not start; see {log.name}")
            time.sleep(0.05)
        yield ready.read_text(encoding="utf-8").strip()


def with_connection(url: str) -> dict[str, str]:
    """Give our environment and in it `sam_default`, leading to `url`."""
    connection = {"conn_type": "sam", "host": url, "password": API_KEY}
    return {**os.environ, "AIRFLOW_CONN_SAM_DEFAULT": json.dumps(connection)}

"""A local stack: the emulator in a process of its own, and the connection that leads Airflow to it."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.deployment.processes import running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

STARTS_WITHIN = 30  # seconds


@dataclass(frozen=True)
class LocalSam:
    """A running emulator."""

    url: str
    api_key: str = field(repr=False)
    process: subprocess.Popen[str]

    def environment(self) -> dict[str, str]:
        """Return our environment, and in it the connection `sam_default` that leads here."""
        return os.environ | {"AIRFLOW_CONN_SAM_DEFAULT": json.dumps(self.connection())}

    def connection(self) -> dict[str, Any]:
        """Return the fields of a connection that leads here."""
        return {"conn_type": "sam", "host": self.url, "password": self.api_key}


def airflow_home() -> Path:
    """Return the Airflow home that make has chosen; nothing here may touch a user's own."""
    if not (home := os.environ.get("AIRFLOW_HOME")):
        sys.exit("AIRFLOW_HOME is not set: run this through make")
    return Path(home)


@contextmanager
def emulator(folder: Path, *options: str, api_key: str | None = None) -> Iterator[LocalSam]:
    """Run the emulator on a free port while the block lasts.

    :param folder: where its log goes
    :param options: further command line options of the emulator
    :param api_key: the key to ask for; None makes one up
    """
    ready = folder / "emulator.url"
    ready.unlink(missing_ok=True)
    key = api_key or secrets.token_hex(16)
    environment = os.environ | {"SAM_EMULATOR_API_KEY": key}
    command = [sys.executable, "-m", "airflow_provider_sam.emulator", "--port=0", f"--ready-file={ready}", *options]
    with (
        (folder / "emulator.log").open("w", encoding="utf-8") as log,
        running(command, env=environment, output=log) as process,
    ):
        deadline = time.monotonic() + STARTS_WITHIN
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The emulator did not start; see {log.name}")
            time.sleep(0.05)
        yield LocalSam(ready.read_text(encoding="utf-8").strip(), key, process)

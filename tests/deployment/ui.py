"""`make airflow`: Airflow's UI with the emulator, the example Dags and the connection, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import httpx

from tests.deployment.local import airflow_home, emulator, with_connection
from tests.deployment.processes import ending_on_signals, running

if TYPE_CHECKING:
    from pathlib import Path

PORT = os.environ.get("AIRFLOW__API__PORT", "8080")
SETTINGS = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__PORT": PORT,
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # the example Dags run only when somebody asks
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
}
URL = f"http://127.0.0.1:{PORT}"
STARTS_WITHIN = 120  # seconds


def answers() -> bool:
    """Tell whether Airflow's API is up."""
    try:
        return httpx.get(f"{URL}/api/v2/version", timeout=5).is_success
    except httpx.TransportError:
        return False


def main() -> int:
    """Run until interrupted; a non-zero exit code means that Airflow did not start or stopped by itself."""
    home = airflow_home()
    if answers():
        print(f"Something answers at {URL} already; choose another port: make airflow AIRFLOW__API__PORT=8081")
        return 1
    path = home / "standalone.log"
    try:
        with ending_on_signals(), emulator(home) as url:
            serve(url, path)
        return report_failure(path)
    except KeyboardInterrupt:
        print("Stopped Airflow and the emulator.")
        return 0


def serve(url: str, path: Path) -> None:
    """Start Airflow beside the emulator at `url`, and return when it has stopped or not come up in time."""
    with (
        path.open("w", encoding="utf-8") as log,
        running(["airflow", "standalone"], env=with_connection(url) | SETTINGS, output=log) as airflow,
    ):
        print(f"Airflow is starting; its log is {path}", flush=True)
        deadline = time.monotonic() + STARTS_WITHIN
        while airflow.poll() is None and not answers() and time.monotonic() < deadline:
            time.sleep(0.5)
        if airflow.poll() is None and answers():
            print(f"Airflow: {URL}/dags (no login)   Sam API emulator: {url}   Ctrl-C ends both", flush=True)
            airflow.wait()


def report_failure(path: Path) -> int:
    """Print the end of Airflow's log."""
    print(*path.read_text(encoding="utf-8").splitlines()[-20:], sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

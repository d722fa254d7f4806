"""`make airflow`: Airflow's UI with the emulator, the example Dags and the connection, until Ctrl-C."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from airflow_provider_sam.connection import DEFAULT_CONN_ID
from tests.deployment.local import LocalSam, airflow_home, emulator
from tests.deployment.processes import ending_on_signals
from tests.deployment.stack import AirflowStoppedError, airflow_stack

if TYPE_CHECKING:
    from pathlib import Path

PORT = int(os.environ.get("AIRFLOW__API__PORT", "8080"))
LOOKS_EVERY = 5  # seconds
BATCHES_TAKE = 20  # seconds, so that a wait is seen deferred
SHOWROOM = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
WELCOME = """Airflow:     {airflow}/dags (no login)
Connection:  {airflow}/connections has sam_default; its Test button works
Sam API:     {sam}, each batch takes {takes} s
API key:     {key}
Ctrl-C ends both."""
PATIENCE = 120  # seconds without an answer; a busy machine may take some


def main() -> str | None:
    """Run until interrupted; give what to complain about when Airflow did not start or stopped by itself."""
    home = airflow_home()
    if is_taken(PORT):
        return f"Port {PORT} is taken; choose another one: make airflow AIRFLOW__API__PORT=8081"
    try:
        with ending_on_signals(), emulator(home, f"--end-after={BATCHES_TAKE}") as sam:
            print(f"Airflow is starting; its logs lie in {home}", flush=True)
            store_connection(home, sam)
            with airflow_stack(home, SHOWROOM, PORT) as airflow:
                print(WELCOME.format(airflow=airflow.url, sam=sam.url, key=sam.api_key, takes=BATCHES_TAKE), flush=True)
                answered = time.monotonic()
                while time.monotonic() < answered + PATIENCE:
                    time.sleep(LOOKS_EVERY)
                    if airflow.answers():
                        answered = time.monotonic()
    except KeyboardInterrupt:
        print("Stopped Airflow and the emulator.")
        return None
    except AirflowStoppedError as problem:
        return str(problem)
    return f"Airflow does not answer any more; see its logs in {home}"


def store_connection(home: Path, sam: LocalSam) -> None:
    """Store the connection in Airflow's database, where its form shows it; another one of that name is replaced."""
    connection = sam.connection() | {"extra": {"console_url": f"{sam.url}/_emulator/batches/{{batch_id}}"}}
    file = home / "connections.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({DEFAULT_CONN_ID: connection}), encoding="utf-8")
    try:
        with (home / "connections.log").open("w", encoding="utf-8") as log:
            command = [sys.executable, "-m", "airflow", "connections", "import", "--overwrite", str(file)]
            if subprocess.run(command, check=False, stdout=log, stderr=subprocess.STDOUT).returncode:
                sys.exit(f"The connection could not be stored; see {log.name}")
    finally:
        file.unlink()


def is_taken(port: int) -> bool:
    """Return whether somebody listens on a port of this machine already."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())

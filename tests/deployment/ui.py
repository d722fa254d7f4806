"""`make airflow`: Airflow's UI with the emulator, the example Dags and the connection, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import time

from tests.deployment.local import airflow_home, emulator
from tests.deployment.processes import ending_on_signals
from tests.deployment.stack import AirflowStoppedError, airflow_stack

PORT = int(os.environ.get("AIRFLOW__API__PORT", "8080"))
LOOKS_EVERY = 5  # seconds
PATIENCE = 120  # seconds without an answer; a busy machine may take some


def main() -> str | None:
    """Run until interrupted; give what to complain about when Airflow did not start or stopped by itself."""
    home = airflow_home()
    if is_taken(PORT):
        return f"Port {PORT} is taken; choose another one: make airflow AIRFLOW__API__PORT=8081"
    try:
        with ending_on_signals(), emulator(home) as sam:
            print(f"Airflow is starting; its logs lie in {home}", flush=True)
            with airflow_stack(home, sam.environment(), PORT) as airflow:
                print(f"Airflow:  {airflow.url}/dags (no login)\nSam API:  {sam.url}\nCtrl-C ends both.", flush=True)
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


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine already."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())

"""A whole Airflow on this machine: API server, scheduler, Dag processor and triggerer, on loopback only.

These are the parts that `airflow standalone` starts. They are started one by one because standalone cannot leave out
its log servers, which listen on every network; without them the UI reads the logs from disk.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx

from tests.deployment.processes import running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

STARTS_WITHIN = 180  # seconds; about 20 on an idle machine with two cores

AIRFLOW_2 = find_spec("airflow.sdk") is None
"""Whether these are the parts of Airflow 2: a webserver with another API, and a scheduler that reads the Dag files."""

PARTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
PARTS_OF_AIRFLOW_2 = {
    "webserver": ("webserver", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
OPEN_WEBSERVER = "AUTH_ROLE_PUBLIC = 'Admin'\nWTF_CSRF_ENABLED = False\n"
"""What the webserver of Airflow 2 reads: whoever reaches it, which is this machine alone, may do everything."""

SETTINGS = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__API_AUTH__JWT_ISSUER": "airflow",  # Airflow 3.0 signs nothing without one
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",  # the example Dags run only when somebody asks
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
}
SETTINGS_OF_AIRFLOW_2 = {
    "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
    "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "10",
    "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
}


class AirflowStoppedError(Exception):
    """A part of Airflow did not come up, or ended by itself; the message holds the end of its log."""


class Airflow:
    """A running Airflow, asked through its REST API."""

    def __init__(self, url: str, home: Path, env: Mapping[str, str]) -> None:
        self.url = url
        self.home = home
        self._api = f"{url}/api/{'v1' if AIRFLOW_2 else 'v2'}"
        self.env = env
        """What its parts are started with; another part of the same Airflow needs it too."""
        self.parts: dict[str, subprocess.Popen[str]] = {}

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request and give the answer's JSON."""
        answer = httpx.request(method, f"{self._api}{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def answers(self) -> bool:
        """Return whether the API is up."""
        try:
            return httpx.get(f"{self._api}/version", timeout=5).is_success
        except httpx.TransportError:
            return False

    def start_run(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run of a Dag as soon as its file has been read, and give the run's id."""
        wait_for(lambda: self._knows(dag_id), within=STARTS_WITHIN, what=f"Dag {dag_id}")
        run = self.call(
            "POST", f"/dags/{dag_id}/dagRuns", {**({} if AIRFLOW_2 else {"logical_date": None}), "conf": dict(conf)}
        )
        return str(run["dag_run_id"])

    def unpause(self, dag_id: str) -> None:
        """Let a Dag run by itself as soon as its file has been read."""
        self._set_paused(dag_id, paused=False)

    def pause(self, dag_id: str) -> None:
        """Let no run of a Dag begin, as soon as its file has been read."""
        self._set_paused(dag_id, paused=True)

    def _set_paused(self, dag_id: str, *, paused: bool) -> None:
        wait_for(lambda: self._knows(dag_id), within=STARTS_WITHIN, what=f"Dag {dag_id}")
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": paused})

    def _knows(self, dag_id: str) -> bool:
        dags = self.call("GET", "/dags?limit=100")["dags"]
        return any(dag["dag_id"] == dag_id for dag in dags)

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by their task's id."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}


def wait_for(condition: Callable[[], Any], *, within: float, what: str) -> Any:
    """Ask again and again until the answer is true, and give it.

    :param within: seconds after which waiting would be of no use; no test depends on a wait being short
    """
    deadline = time.monotonic() + within
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within} s")
        time.sleep(0.2)
    return answer


@contextmanager
def airflow_stack(home: Path, env: Mapping[str, str], port: int | None = None) -> Iterator[Airflow]:
    """Run all parts of Airflow while the block lasts. The database must exist.

    :param home: where each part's log goes, `<part>.log`
    :param env: what is set beside our environment, such as the connection
    :param port: of the API server and the UI; None takes a free one
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        **os.environ,
        **SETTINGS,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        **(SETTINGS_OF_AIRFLOW_2 | {"AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port)} if AIRFLOW_2 else {}),
        **env,
    }
    airflow = Airflow(url, home, settings)
    if AIRFLOW_2:
        (home / "webserver_config.py").write_text(OPEN_WEBSERVER, encoding="utf-8")
    with ExitStack() as stack:
        parts = airflow.parts
        for name, arguments in (PARTS_OF_AIRFLOW_2 if AIRFLOW_2 else PARTS).items():
            log = stack.enter_context((home / f"{name}.log").open("w", encoding="utf-8"))
            parts[name] = stack.enter_context(
                running([sys.executable, "-m", "airflow", *arguments], env=settings, output=log)
            )

        def up() -> bool:
            for name, process in parts.items():
                if process.poll() is not None:
                    end = (home / f"{name}.log").read_text(encoding="utf-8").splitlines()[-20:]
                    raise AirflowStoppedError("\n".join([f"{name} ended with {process.returncode}", *end]))
            return airflow.answers()

        wait_for(up, within=STARTS_WITHIN, what=f"Airflow at {url}")
        yield airflow


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

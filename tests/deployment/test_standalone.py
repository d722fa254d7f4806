"""The example Dags in a real Airflow, with scheduler and triggerer: what waits is deferred, what ends is landed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from tests.commands import Environment
from tests.deployment.local import emulator
from tests.deployment.processes import kill, running
from tests.deployment.stack import PARTS, airflow_stack, free_port, wait_for

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
DAG_ID = "example_sam_batch"
WATCHER = "example_sam_batch_watcher"
WITHIN = 180  # seconds for one step of a run

LOOKS_OF_A_BURST = 3
"""Looks of the watcher until each end of a burst has started a run: one that was under way, and two more."""


class Sam:
    """The emulator in a process of its own, which can be killed and started again with the same batches."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.started = ExitStack()
        self.start(api_key=None)

    def start(self, api_key):
        options = ("--on-demand", f"--port={self.port}", f"--directory={self.folder / 'batches'}")
        self.local = self.started.enter_context(emulator(self.folder, *options, api_key=api_key))

    def kill(self):
        self.local.process.kill()
        self.local.process.wait()

    def start_again(self):
        self.start(self.local.api_key)

    def call(self, method, path, body=None):
        headers = {"x-api-key": self.local.api_key}
        return httpx.request(method, f"{self.local.url}/_emulator{path}", json=body, headers=headers).raise_for_status()

    def create(self, requests):
        with SamClient(ClientSettings(base_url=self.local.url, api_key=self.local.api_key)) as client:
            return client.create_batch(requests).id

    def end(self, batch_id):
        self.call("POST", f"/batches/{batch_id}/end")

    def count(self, operation):
        return self.call("GET", "/counts").json().get(operation, 0)

    def batch_ids(self):
        return [batch["id"] for batch in self.call("GET", "/batches").json()["data"]]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home for Airflow with a database."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def sam(tmp_path_factory):
    """The emulator, whose batches end when they are told to."""
    sam = Sam(tmp_path_factory.mktemp("sam"))
    with sam.started:
        yield sam


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """Where the Dag that watches the workspace lands results."""
    return tmp_path_factory.mktemp("landed")


@pytest.fixture(scope="module")
def environment(home, sam, landed):
    """What Airflow is told; the connection makes no repeats, so that each failure is the task's."""
    connection = {
        "conn_type": "sam",
        "host": sam.local.url,
        "password": sam.local.api_key,
        "extra": {"max_retries": 0, "read_timeout": 5},
    }
    environment = Environment(
        AIRFLOW_HOME=str(home),
        AIRFLOW_CONN_SAM_DEFAULT=json.dumps(connection),
        AIRFLOW_VAR_SAM_RESULTS=landed.as_uri(),
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "example_dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DEFAULT_TASK_RETRIES="100",
        AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="1",
        AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL="5",  # watchers start when a file is read again
        AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC="2",
        AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD="8",
    )
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=os.environ | environment, check=True, capture_output=True)
    return environment


@pytest.fixture(scope="module")
def airflow(home, environment):
    """A running Airflow."""
    with airflow_stack(home, environment) as airflow:
        yield airflow


def ids(path):
    with path.open("rb") as lines:
        return Counter(json.loads(line)["custom_id"] for line in lines)


def wait_for_task(airflow, run_id, task_id, states):
    return wait_for(
        lambda: airflow.tasks(DAG_ID, run_id)[task_id]["state"] in states,
        within=WITHIN,
        what=f"task {task_id} in {' or '.join(states)}",
    )


def stored_triggers(home):
    """The rows of the trigger table, which are gone when the wait is over."""
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        return [str(row) for row in database.execute("select classpath, kwargs from trigger").fetchall()]


def files_with(text, folder):
    return [str(file) for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_the_wait_is_deferred_and_the_results_are_whole_and_nothing_shows_the_key(airflow, sam, home, tmp_path):
    run_id = airflow.start_run(DAG_ID, {"folder": tmp_path.as_uri()})
    wait_for_task(airflow, run_id, "wait_for_batch", {"deferred"})
    (batch_id,) = sam.batch_ids()
    (trigger,) = stored_triggers(home)
    assert batch_id in trigger, "the row is read as it is meant to be"
    assert sam.local.api_key not in trigger
    sam.end(batch_id)
    state = wait_for(
        lambda: (state := airflow.run_state(DAG_ID, run_id)) in {"success", "failed"} and state,
        within=WITHIN,
        what="the end of the run",
    )
    assert state == "success"
    (requests,) = tmp_path.glob("*/requests.jsonl")
    results = ids(requests.with_name("results.jsonl"))
    assert results == ids(requests)
    assert set(results.values()) == {1}
    assert files_with(batch_id, home), "logs and XComs are on disk and are looked through"
    assert not files_with(sam.local.api_key, home)


def test_an_api_that_dies_in_the_download_leaves_nothing_and_the_retry_lands_everything(airflow, sam, tmp_path):
    run_id = airflow.start_run(DAG_ID, {"folder": tmp_path.as_uri()})
    wait_for_task(airflow, run_id, "wait_for_batch", {"deferred"})
    batch_id = sam.batch_ids()[-1]
    sam.call("DELETE", "/requests")
    stall = {"type": "stall", "after_bytes": 10_000, "seconds": 600}
    sam.call("POST", "/faults", {"effect": stall, "operation": "messages_batches_results", "times": 1000})
    sam.end(batch_id)
    wait_for(lambda: sam.count("messages_batches_results"), within=WITHIN, what="the download")
    sam.kill()
    wait_for_task(airflow, run_id, "land_results", {"up_for_retry"})
    (folder,) = tmp_path.iterdir()
    assert [file.name for file in folder.iterdir()] == ["requests.jsonl"]
    sam.start_again()
    state = wait_for(
        lambda: (state := airflow.run_state(DAG_ID, run_id)) in {"success", "failed"} and state,
        within=WITHIN,
        what="the end of the run",
    )
    assert state == "success"
    assert ids(folder / "results.jsonl") == ids(folder / "requests.jsonl")
    assert airflow.tasks(DAG_ID, run_id)["land_results"]["try_number"] > 1


def watcher_looks(sam, times):
    """Wait until the watcher has looked some more times."""
    enough = sam.count("messages_batches_list") + times
    wait_for(lambda: sam.count("messages_batches_list") >= enough, within=WITHIN, what="looks of the watcher")


STORED_EVENTS = """
    select event.id, event.extra, run.run_id from asset_event event
    left join dagrun_asset_event started on started.event_id = event.id
    left join dag_run run on run.id = started.dag_run_id
"""


def events(airflow):
    """Return for each event of the watcher the batches that it names, and the runs that it has started."""
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as database:
        rows = database.execute(STORED_EVENTS).fetchall()
    found = {
        event: ({batch["id"] for batch in json.loads(extra)["payload"]["batches"]}, []) for event, extra, _ in rows
    }
    for event, _, run_id in rows:
        found[event][1].extend([run_id] if run_id else [])
    return list(found.values())


def started_runs(airflow, ended):
    """Return the runs that were started for these batches; nothing while one of the batches has started none."""
    told = [(named & ended, runs) for named, runs in events(airflow) if named & ended and runs]
    named = set().union(*(named for named, _ in told))
    return named == ended and {run for _, runs in told for run in runs}


@pytest.mark.parametrize("size", [5, 20, 3])
def test_each_end_of_a_burst_starts_a_run_within_two_looks_and_is_landed(airflow, sam, landed, requests, size):
    airflow.unpause(WATCHER)
    watcher_looks(sam, 1)
    burst = [sam.create(requests) for _ in range(size)]
    for batch_id in burst:
        sam.end(batch_id)
    before = sam.count("messages_batches_list")
    runs = wait_for(lambda: started_runs(airflow, set(burst)), within=WITHIN, what="runs for all ends")
    assert sam.count("messages_batches_list") - before <= LOOKS_OF_A_BURST
    wait_for(
        lambda: {airflow.run_state(WATCHER, run_id) for run_id in runs} == {"success"},
        within=WITHIN,
        what="the landing",
    )
    for batch_id in burst:
        assert ids(landed / f"{batch_id}.jsonl") == {request["custom_id"]: 1 for request in requests}
    named = Counter(batch_id for batches, _ in events(airflow) for batch_id in batches)
    assert set(named.values()) == {1}, "each end is told of once"


def test_a_batch_that_ends_starts_a_run_even_if_no_triggerer_runs_when_it_ends(
    airflow, sam, landed, requests, tmp_path
):
    airflow.unpause(WATCHER)
    watcher_looks(sam, 1)
    told, known = len(events(airflow)), set(landed.glob("*.jsonl"))
    batch_id, ended_later = sam.create(requests), sam.create(requests)
    sam.end(batch_id)
    wait_for((landed / f"{batch_id}.jsonl").exists, within=WITHIN, what="the results")
    watcher_looks(sam, 3)  # by now it is remembered
    kill(airflow.parts["triggerer"])
    sam.end(ended_later)
    with (
        (tmp_path / "triggerer.log").open("w") as log,
        running([sys.executable, "-m", "airflow", *PARTS["triggerer"]], env=airflow.env, output=log),
    ):
        wait_for((landed / f"{ended_later}.jsonl").exists, within=WITHIN, what="the results of what ended meanwhile")
        watcher_looks(sam, 3)
    started = [runs for named, runs in events(airflow) if named & {batch_id, ended_later}]
    assert len(events(airflow)) - told == len(started) == 2, "each end is one event"
    assert len({run for runs in started for run in runs}) == 2, "each end has started one run"
    assert ids(landed / f"{ended_later}.jsonl") == {request["custom_id"]: 1 for request in requests}
    assert len({*landed.glob("*.jsonl")} - known) == 2, "batches that had ended before are no news"

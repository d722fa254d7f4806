"""A triggerer that stalls, loses its waits and comes back cancels nothing; a person still does: on a real Airflow."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing, contextmanager

import pytest

from tests.deployment.processes import family_of, running
from tests.deployment.stack import PARTS, wait_for
from tests.deployment.waiting import canceled, clear, create, deferred_run, holders, mark, waits

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.timeout(900),
]


@contextmanager
def another_triggerer(airflow, folder):
    with (
        (folder / "triggerer.log").open("w") as log,
        running([sys.executable, "-m", "airflow", *PARTS["triggerer"]], env=airflow.env, output=log),
    ):
        yield


@contextmanager
def stalled(airflow, part):
    """Let a part of Airflow stand still while the block lasts, as a paused container does."""
    family = [*family_of(airflow.parts[part]), airflow.parts[part]]
    wait_for(lambda: stopped_outside_of_a_transaction(airflow, family), within=60, what="a moment to stop it")
    try:
        yield
    finally:
        send(signal.SIGCONT, family)


def stopped_outside_of_a_transaction(airflow, family):
    """Stop the processes, unless that would lock SQLite for all others."""
    send(signal.SIGSTOP, family)
    try:
        with closing(sqlite3.connect(airflow.home / "airflow.db", timeout=5, isolation_level=None)) as database:
            database.execute("begin immediate")
            database.execute("rollback")
    except sqlite3.OperationalError:
        send(signal.SIGCONT, family)
        return False
    return True


def send(number, family):
    for each in family:
        each.send_signal(number)


def logs_with(airflow, run_id, *texts):
    logs = airflow.home.glob(f"logs/dag_id=waits/run_id={run_id}/task_id=wait/**/*.log*")
    return [log for log in logs if any(text in log.read_text(errors="replace") for text in texts)]


def test_a_triggerer_that_comes_back_cancels_nothing_and_a_person_cancels(airflow, emulator, requests, tmp_path):
    emulator.reset()
    ids = create(emulator, requests, 3)
    run_id = deferred_run(airflow, ids)
    before = holders(airflow, run_id)
    with another_triggerer(airflow, tmp_path):
        with stalled(airflow, "triggerer"):
            wait_for(lambda: holders(airflow, run_id).isdisjoint({*before, None}), within=300, what="the other one")
        wait_for(
            lambda: len(logs_with(airflow, run_id, "Not canceling", "Asked to cancel")) == 3,
            within=300,
            what="a word of the triggerer that came back",
        )
        assert emulator.count("messages_batches_cancel") == 0
        assert {task["state"] for task in waits(airflow, run_id)} == {"deferred"}
        mark(airflow, run_id, 0, "failed")
        mark(airflow, run_id, 1, "success")
        clear(airflow, run_id, 2)
        wait_for(lambda: canceled(emulator, ids) == set(ids), within=300, what="all batches canceled")

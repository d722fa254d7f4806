"""Triggerers that come, stall and come back."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing, contextmanager

from tests.deployment.processes import family_of, running
from tests.deployment.stack import PARTS, wait_for


@contextmanager
def another_triggerer(airflow, folder):
    """Run one more triggerer while the block lasts."""
    with (
        (folder / "triggerer.log").open("w") as log,
        running([sys.executable, "-m", "airflow", *PARTS["triggerer"]], env=airflow.env, output=log) as process,
    ):
        yield process


@contextmanager
def stalled(airflow, process):
    """Let a part of Airflow stand still while the block lasts, as a paused container does."""
    family = [*family_of(process), process]
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

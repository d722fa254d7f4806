"""Airflow's own commands, as a person would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys


class Environment(dict):
    """Variables that hold a key; a test that fails does not print them."""

    def __repr__(self):
        return f"variables {', '.join(self)}"


def airflow(*arguments, **variables):
    """Run a command to its end and give what it says; a failure shows that too."""
    command, variables = [sys.executable, "-m", "airflow", *arguments], Environment(variables)
    done = subprocess.run(
        command, env=os.environ | variables, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_dag(dag_id, sam, conf=None, **variables):
    """Run a Dag from its first task to its last, with `sam_default` leading to the emulator."""
    variables = Environment({"AIRFLOW_CONN_SAM_DEFAULT": sam.connection_json} | variables)
    return airflow("dags", "test", dag_id, "--conf", json.dumps(conf or {}), **variables)


def dags_at(folder):
    """Return the variables with which Airflow finds Dags in a folder."""
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
    }


# The pre-release of Airflow 3.4 closes its own database connections when their event loop is gone, and says so; and it
# takes a Dag that is tested by its file for another one than it knows from its folder.
LOGGED = re.compile(
    r"\[(?:warning|error|critical) *\](?! Could not import graphviz)(?!.*\[py\.warnings\])"
    r"(?! Exception closing connection <AdaptedConnection <aiosqlite)(?! Duplicate dag_id detected )"
    r"| (?:WARNING|ERROR|CRITICAL) - "
)
WARNED = re.compile(r"airflow_provider_sam/\S+:\d+:? \w+Warning|filename=\S*airflow_provider_sam/")


def complaints(said):
    """Return the lines of a command's output that are errors, logged warnings, or Python's warnings about our code."""
    return [line for line in said.splitlines() if LOGGED.search(line) or WARNED.search(line)]

"""Tasks that decorators make, run as Airflow runs them: in a Dag, rendered, then executed."""

from __future__ import annotations

from types import SimpleNamespace

import pendulum
from airflow.providers.common.compat.sdk import DAG


def make(decorated, *args, **kwargs):
    """Return the task that a call of a decorated function makes."""
    with DAG(dag_id="dag", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
        return decorated(*args, **kwargs).operator


def run(task, **context):
    """Render the task's arguments, and return what it returns."""
    context = context_of(task) | context
    task.render_template_fields(context)
    return task.execute(context)


def context_of(task):
    """Return the context of a task that runs."""
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id=task.task_id, map_index=-1, max_tries=0)
    return {"task": task, "ti": ti, "ds": "2026-01-02", "params": {}}

"""Airflow's variables as a task reads and writes them, with what fails told apart from what is not there."""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.util import find_spec
from typing import Any

from airflow_provider_sam._compat import AirflowException

# Airflow's own `Variable.get` takes any failure, such as an API server that is away, for "not found" (2.11, 3.1 to
# 3.3), and its `Variable.set` logs a failure and goes on (3.0 to 3.2). What decides about money asks underneath, which
# also leaves out the secrets backends of the worker.

_HAS_SUPERVISOR = find_spec("airflow.sdk") is not None


def variables_are_reachable(ti: Any) -> bool:
    """Return whether Airflow's variables can be read and written here: where Airflow itself runs a task."""
    if _HAS_SUPERVISOR:
        runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
        return getattr(runner, "SUPERVISOR_COMMS", None) is not None
    models = sys.modules.get("airflow.models.taskinstance")
    return models is not None and isinstance(ti, models.TaskInstance)


def read_variable(key: str) -> str | None:
    """Return the value of a variable; None only where Airflow answers that there is none."""
    if not _HAS_SUPERVISOR:
        return _read_row(key)
    from airflow.sdk.execution_time import comms

    if (get_keys := getattr(comms, "GetVariableKeys", None)) is not None:
        # A question for a variable that is not there costs a line in a log; and the API server's answer to it would be
        # the same if its database was away.
        keys = _ask_supervisor(get_keys(prefix=key, limit=1)).keys
        if key not in keys:
            return None
    elif is_supervised_here():
        return _read_row(key)
    answer = _ask_supervisor(comms.GetVariable(key=key))
    return answer.value if isinstance(answer, comms.VariableResult) else None


def write_variable(key: str, value: str, description: str) -> None:
    """Create or overwrite a variable."""
    if not _HAS_SUPERVISOR:
        _write_row(key, value, description)
        return
    from airflow.sdk.execution_time.comms import PutVariable

    _ask_supervisor(PutVariable(key=key, value=value, description=description), answered=False)


def delete_variable(key: str) -> None:
    """Delete a variable if it is there."""
    if not _HAS_SUPERVISOR:
        _write_row(key, None, None)
        return
    from airflow.sdk.execution_time.comms import DeleteVariable

    _ask_supervisor(DeleteVariable(key=key))


def is_supervised_here() -> bool:
    """Return whether supervisor and database are in this process, as in Airflow 3's `dags test`.

    Before Airflow 3.3, the supervisor logs an error for a variable that is not there. Here that is the user's screen.
    """
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return hasattr(getattr(runner, "SUPERVISOR_COMMS", None), "supervisor")


def _ask_supervisor(message: Any, *, answered: bool = True) -> Any:
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse

    supervisor: Any = task_runner.SUPERVISOR_COMMS
    if hasattr(supervisor, "send"):
        answer = supervisor.send(message)
    else:  # Airflow 3.0.0 to 3.0.2
        with supervisor.lock:
            supervisor.send_request(log=logging.getLogger(__name__), msg=message)
            answer = supervisor.get_message() if answered else None
    if isinstance(answer, ErrorResponse) and answer.error.value != "VARIABLE_NOT_FOUND":
        raise AirflowException(f"{answer.error.value}: {answer.detail}")
    return answer


def _read_row(key: str) -> str | None:
    model = importlib.import_module("airflow.models.variable").Variable
    with importlib.import_module("airflow.utils.session").create_session() as session:
        row = session.query(model).filter(model.key == key).one_or_none()
        if row is not None and row.val is None:
            raise AirflowException("the value cannot be decrypted: see [core] fernet_key")
        return None if row is None else str(row.val)


def _write_row(key: str, value: str | None, description: str | None) -> None:
    """Write a variable, or delete it where there is no value."""
    model = importlib.import_module("airflow.models.variable").Variable
    with importlib.import_module("airflow.utils.session").create_session() as session:
        row = session.query(model).filter(model.key == key).one_or_none()
        if value is None and row is not None:
            session.delete(row)
        elif row is not None:
            row.val, row.description = value, description
        elif value is not None:
            session.add(model(key=key, val=value, description=description))

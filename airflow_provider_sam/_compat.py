"""One set of Airflow names for 2.11 to 3.x: the only place that knows that there are versions of Airflow."""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Connection

# Each name comes from where the installed Airflow has it and does not call it deprecated. The provider common-compat
# has them all in one place, but not in the versions of it that older Airflows are deployed with.
try:
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowOptionalProviderFeatureException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )
    from airflow.sdk.lineage import get_hook_lineage_collector
except ImportError:  # Airflow 2.11 to 3.1
    from airflow.configuration import conf
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowOptionalProviderFeatureException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )
    from airflow.lineage.hook import get_hook_lineage_collector

try:
    from airflow.sdk import BaseHook
except ImportError:  # Airflow 2.11 and 3.0
    from airflow.hooks.base import BaseHook

try:
    from airflow.sdk import (
        Asset,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Context,
        ObjectStoragePath,
        PokeReturnValue,
        XComArg,
    )
    from airflow.sdk.definitions._internal.mixins import ResolveMixin
    from airflow.sdk.execution_time.xcom import XCom
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset
    from airflow.io.path import ObjectStoragePath
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.models.xcom import XCom
    from airflow.models.xcom_arg import XComArg
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
    from airflow.utils.context import Context
    from airflow.utils.log.secrets_masker import mask_secret
    from airflow.utils.mixins import ResolveMixin

try:
    from airflow.triggers.base import BaseEventTrigger
except ImportError:  # Airflow 2

    class BaseEventTrigger(BaseTrigger):
        """Stands for the triggers of asset watchers where Airflow has none, and says so when one is made."""

        def __init__(self, **_: Any) -> None:
            raise AirflowOptionalProviderFeatureException(
                f"{type(self).__name__} needs Airflow 3.0 or newer: older versions run no Dag when a trigger fires"
            )


TRIGGERS_RENDER_TEMPLATES = hasattr(BaseTrigger, "render_template_fields")
"""Whether the arguments of a trigger that begins a task may be templates: from Airflow 3.3 on."""

TRIGGERS_HEAR_KILLS = hasattr(BaseTrigger, "on_kill")
"""Whether a trigger is told that a person has ended its task: from Airflow 3.3 on."""

TASKS_STORE_LINKS = hasattr(BaseOperatorLink, "xcom_key")
"""Whether the task itself asks for its links when it ends, and Airflow keeps them as XComs: from Airflow 3.0 on."""

__all__ = [
    "TASKS_STORE_LINKS",
    "TRIGGERS_HEAR_KILLS",
    "TRIGGERS_RENDER_TEMPLATES",
    "AirflowException",
    "AirflowFailException",
    "AirflowOptionalProviderFeatureException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "Asset",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "ObjectStoragePath",
    "PokeReturnValue",
    "ResolveMixin",
    "StartTriggerArgs",
    "TriggerEvent",
    "XCom",
    "XComArg",
    "add_lineage",
    "ask_airflow",
    "conf",
    "delete_variable",
    "form_text_fields",
    "get_async_connection",
    "mask_secret",
    "object_storage_path",
    "optional_library",
    "read_variable",
    "variables_are_reachable",
    "write_variable",
]


async def ask_airflow(question: str, **fields: Any) -> Any:
    """Send a message of the task SDK from a trigger to its triggerer, and return the answer; no thread takes part.

    :param question: the message's class, such as `GetTaskStates`.
    :param fields: what it is made of.
    :raises LookupError: nobody can be asked: this is no triggerer, or that of an Airflow before 3.0.
    """
    try:
        from airflow.sdk.execution_time import comms, task_runner

        triggerer = task_runner.SUPERVISOR_COMMS
    except (ImportError, AttributeError):
        raise LookupError("this is no triggerer of Airflow 3") from None
    return await triggerer.asend(getattr(comms, question)(**fields))


async def get_async_connection(conn_id: str) -> Connection:
    """Look up a connection from an event loop; Airflow 2.11 and 3.0 can do so in a thread only."""
    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


def add_lineage(operator: BaseOperator, inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Tell Airflow's collector of lineage which URIs an operator has read and written."""
    collector = get_hook_lineage_collector()
    assets = "asset" if hasattr(collector, "add_input_asset") else "dataset"  # Airflow 2 calls them datasets
    for side, uris in (("input", inputs), ("output", outputs)):
        for uri in uris:
            getattr(collector, f"add_{side}_{assets}")(operator, uri=uri)


def object_storage_path(path: Any, conn_id: str | None = None) -> ObjectStoragePath:
    """Give the place that a URI names; `conn_id` wins over the connection in the URI.

    Airflow 2.11 and 3.0 take a `conn_id` of None for the wish to use no connection, and on 3.3 the URI's wins over any:
    so a `conn_id` and one in the URI never meet here.
    """
    if not conn_id:
        return path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(path)
    scheme, separator, rest = str(path).partition("://")
    authority, slash, key = rest.partition("/")
    plain = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{key}"
    return ObjectStoragePath(plain, conn_id=conn_id)


def form_text_fields(fields: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Make fields of a connection's form from labels and descriptions, for versions that take them from the hook.

    Airflow 3.0 has no form library unless the FAB provider is installed; without it the form shows the standard fields
    of every connection, and extras are written as JSON.
    """
    try:
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField
    except ImportError:
        return {}
    return {
        name: StringField(label, widget=BS3TextFieldWidget(), description=description)
        for name, (label, description) in fields.items()
    }


def optional_library(name: str, *, extra: str) -> Any:
    """Load a library that one of the package's extras brings.

    :raises AirflowOptionalProviderFeatureException: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise AirflowOptionalProviderFeatureException(
            f"{name} is needed: pip install 'airflow-provider-sam[{extra}]'"
        ) from problem


# --- variables --------------------------------------------------------------------------------------------------------
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

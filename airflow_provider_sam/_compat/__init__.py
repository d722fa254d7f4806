"""One set of Airflow names for 2.11 to 3.x: the only place that knows that there are versions of Airflow."""

from __future__ import annotations

import asyncio
import contextvars
import importlib
from functools import cache
from importlib.metadata import version
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
        TaskGroup,
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
    from airflow.utils.task_group import TaskGroup

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

TASKS_TAKE_RETRY_POLICIES = hasattr(BaseOperator, "retry_policy")
"""Whether a task may say what becomes of each of its errors: from Airflow 3.3 on."""

__all__ = [
    "TASKS_STORE_LINKS",
    "TASKS_TAKE_RETRY_POLICIES",
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
    "TaskGroup",
    "TriggerEvent",
    "XCom",
    "XComArg",
    "add_lineage",
    "ask_airflow",
    "conf",
    "form_text_fields",
    "get_async_connection",
    "mask_secret",
    "object_storage_path",
    "optional_library",
    "tell_airflow",
]


async def ask_airflow(question: str, **fields: Any) -> Any:
    """Ask Airflow something from a trigger, in its triggerer's name, and return the answer; no thread takes part.

    From 3.4 on, Airflow refuses a question in the name of a try that is over. Outside of the trigger's context, the
    triggerer asks for itself.

    :param question: the class of a message of the task SDK, such as `GetTaskStates`.
    :param fields: what it is made of.
    :raises LookupError: nobody can be asked: this is no triggerer, or that of an Airflow before 3.0.
    """
    return await asyncio.create_task(tell_airflow(question, **fields), context=contextvars.Context())


async def tell_airflow(message: str, **fields: Any) -> Any:
    """Send a message of the task SDK from a trigger in the name of its task, otherwise as `ask_airflow`."""
    try:
        from airflow.sdk.execution_time import comms, task_runner

        triggerer = task_runner.SUPERVISOR_COMMS
    except (ImportError, AttributeError):
        raise LookupError("this is not an Airflow 3 triggerer") from None
    return await triggerer.asend(getattr(comms, message)(**fields))


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
    """Return the place that a URI names; `conn_id` wins over the connection in the URI.

    Airflow 2.11 and 3.0 take a `conn_id` of None for the wish to use no connection, and on 3.3 the URI's wins over any:
    so a `conn_id` and one in the URI never meet here.

    :raises AirflowOptionalProviderFeatureException: what is installed cannot open paths; the message says what can.
    """
    _check_object_storage()
    if not conn_id:
        return path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(path)
    scheme, separator, rest = str(path).partition("://")
    authority, slash, key = rest.partition("/")
    plain = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{key}"
    return ObjectStoragePath(plain, conn_id=conn_id)


@cache
def _check_object_storage() -> None:
    """Check that Airflow's paths work: 2.11.0 and 3.0 allow a universal-pathlib that they do not work with."""
    try:
        ObjectStoragePath("file:///")
    except TypeError as problem:
        raise AirflowOptionalProviderFeatureException(
            f"Airflow {version('apache-airflow')} does not work with universal-pathlib {version('universal-pathlib')}: "
            "pip install 'universal-pathlib<0.3'"
        ) from problem


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

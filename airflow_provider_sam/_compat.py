"""One set of Airflow names for 2.11 to 3.x: the only place that knows that there are versions of Airflow."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    Asset,
    BaseHook,
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
    Context,
    ObjectStoragePath,
    PokeReturnValue,
    XCom,
    XComArg,
    conf,
    mask_secret,
)
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

try:
    from airflow.sdk.definitions._internal.mixins import ResolveMixin
except ImportError:  # Airflow 2
    from airflow.utils.mixins import ResolveMixin  # type: ignore[import-not-found, no-redef]

try:
    from airflow.triggers.base import BaseEventTrigger
except ImportError:  # Airflow 2

    class BaseEventTrigger(BaseTrigger):  # type: ignore[no-redef]
        """Stands for the triggers of asset watchers where Airflow has none, and says so when one is made."""

        def __init__(self, **_: Any) -> None:
            raise AirflowOptionalProviderFeatureException(
                f"{type(self).__name__} needs Airflow 3.0 or newer: older versions run no Dag when a trigger fires"
            )


TRIGGERS_RENDER_TEMPLATES = hasattr(BaseTrigger, "render_template_fields")
"""Whether the arguments of a trigger that begins a task may be templates: from Airflow 3.3 on."""

__all__ = [
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
    "conf",
    "form_text_fields",
    "get_async_connection",
    "get_hook_lineage_collector",
    "mask_secret",
    "object_storage_path",
    "optional_library",
]


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

"""One set of Airflow names for 2.11 to 3.x: the only place that knows that there are versions of Airflow."""

from __future__ import annotations

import importlib
from typing import Any

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
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk.definitions._internal.mixins import ResolveMixin
except ImportError:  # Airflow 2
    from airflow.utils.mixins import ResolveMixin  # type: ignore[import-not-found, no-redef]

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowOptionalProviderFeatureException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "Asset",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "ObjectStoragePath",
    "PokeReturnValue",
    "ResolveMixin",
    "TriggerEvent",
    "XCom",
    "XComArg",
    "conf",
    "get_async_connection",
    "get_hook_lineage_collector",
    "mask_secret",
    "object_storage_path",
    "optional_library",
]


def object_storage_path(path: Any, conn_id: str | None = None) -> ObjectStoragePath:
    """Give the place that a URI names; `conn_id` wins over the connection in the URI.

    Airflow 2.11 and 3.0 take a `conn_id` of None for the wish to use no connection.
    """
    return ObjectStoragePath(path, conn_id=conn_id) if conn_id else ObjectStoragePath(path)


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

"""The Sam API over HTTP: what can be asked, what comes back, what may be repeated. Knows no Airflow.

Import every public name from here. Its module is loaded when the name is first used. Since Dag files are parsed every
few seconds, the lightest modules are searched first: the errors and the types of parameters load no HTTP library.
"""

from __future__ import annotations

import importlib
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from airflow_provider_sam.api.base import *
    from airflow_provider_sam.api.bodies import *
    from airflow_provider_sam.api.client import *
    from airflow_provider_sam.api.content import *
    from airflow_provider_sam.api.errors import *
    from airflow_provider_sam.api.events import *
    from airflow_provider_sam.api.jsonl import *
    from airflow_provider_sam.api.limits import *
    from airflow_provider_sam.api.models import *
    from airflow_provider_sam.api.param_blocks import *
    from airflow_provider_sam.api.params import *
    from airflow_provider_sam.api.results import *
    from airflow_provider_sam.api.settings import *
    from airflow_provider_sam.api.statuses import *
    from airflow_provider_sam.api.streaming import *

_HOMES = (
    "errors",
    "param_blocks",
    "params",
    "settings",
    "limits",
    "jsonl",
    "base",
    "content",
    "models",
    "statuses",
    "bodies",
    "events",
    "results",
    "streaming",
    "client",
)

if not TYPE_CHECKING:  # a type checker would take it for leave to import any name

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return sorted(public for home in _HOMES for public in _home(home).__all__)
        submodules = {module.name for module in iter_modules(__path__)}  # noqa: F405 - each package has a path
        if not name.startswith("_") and name not in submodules:  # Python asks for a submodule here before it loads it
            for home in map(_home, _HOMES):
                if name in home.__all__:
                    return getattr(home, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})

    def _home(name: str) -> ModuleType:
        return importlib.import_module(f"{__name__}.{name}")

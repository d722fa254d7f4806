"""An offline Sam API over real HTTP, to try Dags and to test them without a key, a network or a bill.

Importing this package costs nothing: what it exports is loaded when first used, and needs the extra
``airflow-provider-sam[emulator]``. The package imports nothing else of the provider, so that both sides of a test read
the contract for themselves.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sam.emulator.contract import OPENAPI_PATH
    from airflow_provider_sam.emulator.emulator import SamEmulator
    from airflow_provider_sam.emulator.faults import (
        AlteredBatch,
        ChosenId,
        Cut,
        Delay,
        Drop,
        Fault,
        LateVisibility,
        Lines,
        ListedTwice,
        RepeatedCreate,
        Slow,
        SseError,
        Stall,
        Status,
    )
    from airflow_provider_sam.emulator.progress import AfterLooks, AfterSeconds, OnDemand
    from airflow_provider_sam.emulator.requestlog import RequestRecord
    from airflow_provider_sam.emulator.state import BatchView

__all__ = [
    "OPENAPI_PATH",
    "AfterLooks",
    "AfterSeconds",
    "AlteredBatch",
    "BatchView",
    "ChosenId",
    "Cut",
    "Delay",
    "Drop",
    "Fault",
    "LateVisibility",
    "Lines",
    "ListedTwice",
    "OnDemand",
    "RepeatedCreate",
    "RequestRecord",
    "SamEmulator",
    "Slow",
    "SseError",
    "Stall",
    "Status",
]

_HOMES = {
    "contract": ("OPENAPI_PATH",),
    "emulator": ("SamEmulator",),
    "faults": (
        "AlteredBatch",
        "ChosenId",
        "Cut",
        "Delay",
        "Drop",
        "Fault",
        "LateVisibility",
        "Lines",
        "ListedTwice",
        "RepeatedCreate",
        "Slow",
        "SseError",
        "Stall",
        "Status",
    ),
    "progress": ("AfterLooks", "AfterSeconds", "OnDemand"),
    "requestlog": ("RequestRecord",),
    "state": ("BatchView",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

_NEEDED = ("jsonschema_rs", "starlette", "uvicorn")


def missing_libraries() -> list[str]:
    """Name the libraries of the ``emulator`` extra that are not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if missing := missing_libraries():
        raise ImportError(
            f"The Sam API emulator needs {', '.join(missing)}: pip install 'airflow-provider-sam[emulator]'."
        )
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

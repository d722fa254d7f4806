"""Tests of what an Airflow does not have are not collected on it."""

from __future__ import annotations

from importlib.util import find_spec

import airflow.triggers.base

NEEDS = {
    "test_ended.py": hasattr(airflow.triggers.base, "BaseEventTrigger"),  # 3.0
    "test_ended_shared.py": find_spec("airflow.triggers.shared_stream"),  # 3.3
}

collect_ignore = [name for name, there in NEEDS.items() if not there]

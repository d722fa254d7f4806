"""Tests of what an Airflow does not have are not collected on it."""

from __future__ import annotations

from importlib.util import find_spec

AIRFLOW_3 = find_spec("airflow.sdk")

collect_ignore = ["test_health_in_database.py" if AIRFLOW_3 else "test_health_over_api.py"]

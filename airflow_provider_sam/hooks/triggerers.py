"""Says so where a task is about to wait for a triggerer that is not running; it stops no task and fails none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat.triggerers import runs_triggers_itself, triggerer_health

if TYPE_CHECKING:
    from airflow_provider_sam._compat.triggerers import TriggererHealth

ADVICE = "Deferred tasks wait until one is. Start `airflow triggerer` or set deferrable=False"


def triggerer_problem(health: TriggererHealth | None) -> str:
    """Return what is wrong with the triggerer and what to do about it; nothing where that is not known for certain.

    :param health: what Airflow says of it; None where it does not tell.
    """
    if health is None:
        return ""
    if health.status is None:
        return f"No triggerer has ever been running. {ADVICE}"
    if health.status == "unhealthy" and health.latest_heartbeat:  # without one, it is the database that is away
        return f"No triggerer is running (latest heartbeat: {health.latest_heartbeat}). {ADVICE}"
    return ""


def find_triggerer_problem(ti: Any = None) -> str:
    """Ask Airflow once, and return what is wrong with the triggerer; nothing where Airflow does not tell.

    :param ti: the instance of the task that is about to defer. In `airflow dags test` it needs no triggerer.
    """
    if ti is not None and runs_triggers_itself(ti):
        return ""
    return triggerer_problem(triggerer_health())

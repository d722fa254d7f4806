"""What a wait takes along into the triggerer: when it is over, and which deferral of the task it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import TRIGGERS_HEAR_KILLS, StartTriggerArgs, conf
from airflow_provider_sam.hooks.triggerers import find_triggerer_problem
from airflow_provider_sam.triggers.start import SamBatchStartTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sam._compat import Context
    from airflow_provider_sam.batches.progress import Logger

TIMEOUT, EXECUTION_TIMEOUT = "timeout", "execution_timeout"
"""Which of the task's two limits the deadline of a deferred wait comes from."""

GUARD = 300.0
"""Seconds after the deadline at which Airflow itself ends a deferred wait, in case that no triggerer does."""

AIRFLOW_TIMED_OUT = frozenset({"Trigger timeout", "Trigger/execution timeout"})
"""What Airflow 3 and Airflow 2 resume a task with whose trigger has fired nothing in time."""

NO_TRIGGERER = "no triggerer ended the wait, so the batches may not have been polled. "


def defers(wanted: bool | None) -> bool:
    """Return whether a sensor waits in the triggerer: as the Dag says, else as the configuration does."""
    return conf.getboolean("operators", "default_deferrable", fallback=False) if wanted is None else wanted


def start_trigger_args(templates: list[str], *, timeout: float, **arguments: Any) -> StartTriggerArgs:
    """Return what Airflow begins a wait with in the triggerer.

    :param templates: ids, or templates that give ids.
    :param timeout: seconds after which Airflow ends the wait.
    :param arguments: the trigger's other ones.
    """
    return StartTriggerArgs(
        trigger_cls=f"{SamBatchStartTrigger.__module__}.{SamBatchStartTrigger.__qualname__}",
        trigger_kwargs={"batch_id": templates[0] if len(templates) == 1 else templates, **arguments},
        next_method="execute_complete",
        timeout=timedelta(seconds=timeout),
    )


def nearest_limit(
    context: Context, *, now: float, timeout: float, execution_timeout: timedelta | None
) -> tuple[str, float]:
    """Return which of the task's limits passes first, and when, in seconds since the epoch."""
    limits = {TIMEOUT: now + timeout}
    if execution_timeout is not None:
        began: datetime = getattr(context["ti"], "start_date", None) or datetime.now(UTC)
        limits[EXECUTION_TIMEOUT] = began.timestamp() + execution_timeout.total_seconds()
    limit = min(limits, key=limits.__getitem__)
    return limit, limits[limit]


def until_guard(deadline: float, *, now: float) -> timedelta:
    """Return after how long Airflow ends the wait: later than we do, who clean up first."""
    return timedelta(seconds=max(0.0, deadline - now) + GUARD)


def ended_by_guard(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Return whether Airflow resumes the task because its trigger has fired nothing in time."""
    return next_method == "__fail__" and (next_kwargs or {}).get("error") in AIRFLOW_TIMED_OUT


def warn_without_triggerer(context: Context, log: Logger) -> None:
    """Say in the log of a task that is about to defer that no triggerer is running, where Airflow tells."""
    if problem := find_triggerer_problem(context.get("ti")):
        log.warning("%s", problem)


def unwatched() -> str:
    """Return what to say of a wait that Airflow has ended itself, and what to do about it."""
    problem = find_triggerer_problem()
    return NO_TRIGGERER + (problem or "Check that `airflow triggerer` is running and sends heartbeats")


def leave_deferral(context: Context) -> dict[str, Any] | None:
    """Leave which deferral of the task this is, for the triggers of earlier ones to see, and return it.

    Only where triggers hear of kills: elsewhere there is nothing to tell apart.
    """
    from airflow_provider_sam.batches.wait.deferral import XCOM_KEY, Deferral

    if not TRIGGERS_HEAR_KILLS:
        return None
    ti = context["ti"]
    deferral = Deferral(try_number=ti.try_number, max_tries=ti.max_tries).dump()
    ti.xcom_push(key=XCOM_KEY, value=deferral)
    return deferral

"""Asks Airflow, from inside the triggerer and without a thread, what became of a task whose wait was called killed."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import ask_airflow, tell_airflow
from airflow_provider_sam.batches.wait.deferral import XCOM_KEY, Deferral, state_in, why_not_cancel

if TYPE_CHECKING:
    from collections.abc import Coroutine

ASK_WITHIN = 15.0
"""Seconds that Airflow has to answer. The first question to a triggerer takes it a while: it starts an API for it."""

KILL_WITHIN = 28.0
"""Seconds that a kill may take altogether; Airflow grants 30 by default."""

_ready: set[int] = set()
"""The processes in which Airflow has been asked before."""


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do the work of a kill to its end, however often that is interrupted.

    Airflow 3.3 repeats a kill each second until the trigger is gone, and each repeat interrupts what handles it.

    :param work: takes `KILL_WITHIN` seconds at the most.
    """
    task = asyncio.create_task(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


async def get_ready(task: Any) -> None:
    """Ask Airflow something once in a process, so that it answers at once when a kill depends on it."""
    if os.getpid() not in _ready:
        _ready.add(os.getpid())
        with suppress(Exception):  # a kill will say what is wrong
            async with asyncio.timeout(ASK_WITHIN):
                await latest_deferral(task)


async def reason_not_to_cancel(task: Any, *, own: Deferral | None, deadline: float) -> str:
    """Return why the batches of a wait must not be canceled; nothing where somebody ended this very wait.

    :param task: the task instance of the trigger, as Airflow sets it.
    :param own: the deferral that the wait is of.
    :param deadline: the wait's, in seconds since the epoch.
    """
    try:
        async with asyncio.timeout(ASK_WITHIN):
            answer = await ask_airflow(
                "GetTaskStates",
                dag_id=task.dag_id,
                task_ids=[task.task_id],
                run_ids=[task.run_id],
                map_index=_map_index(task),
            )
            latest = await latest_deferral(task)
        place = {"run_id": task.run_id, "task_id": task.task_id, "map_index": task.map_index}
        state = state_in(answer.task_states, **place)
    except Exception as problem:  # noqa: BLE001 - whatever it is, nothing is known, and so nothing is canceled
        return f"Airflow does not tell the task's state ({type(problem).__name__}: {problem})"
    return why_not_cancel(state, own=own, latest=latest, now=time.time(), deadline=deadline)


async def latest_deferral(task: Any) -> Deferral | None:
    """Return the deferral that the task has left last."""
    answer = await ask_airflow("GetXCom", **_xcom(task))
    return Deferral.load(answer.value)


async def leave_deferral(task: Any, deferral: Deferral) -> None:
    """Leave a deferral as the task's latest, as the sensor does on a worker."""
    await tell_airflow("SetXCom", **_xcom(task), value=deferral.dump())


def _xcom(task: Any) -> dict[str, Any]:
    return {
        "key": XCOM_KEY,
        "dag_id": task.dag_id,
        "run_id": task.run_id,
        "task_id": task.task_id,
        "map_index": _map_index(task),
    }


def _map_index(task: Any) -> int | None:
    return task.map_index if task.map_index >= 0 else None

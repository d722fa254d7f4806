"""One look of a worker at its batches, in no more time than the task has left."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sam._compat import BaseSensorOperator
from airflow_provider_sam.hooks.sam import SamHook

if TYPE_CHECKING:
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.watching import Watch

poke_to_the_end = inspect.unwrap(BaseSensorOperator.execute)
"""What each sensor does. Airflow 2 takes `super().execute()` for a call from outside of a task: it warns, or fails."""

LEAST = 1.0
"""Seconds that a look has even if the task's time is over: it may be the last one."""


def connected(sam_conn_id: str) -> SamHook:
    """Return a hook that has read the connection; for each look anew, since a key may be rotated."""
    hook = SamHook(sam_conn_id)
    _ = hook.config
    return hook


def connected_again(watch: Watch, hook: SamHook) -> SamHook | None:
    """Return a hook that has read the connection anew; None, and a word in the log, where it cannot be read now.

    :raises SamWaitError: the connection cannot be used as it is, and that has lasted.
    """
    from airflow_provider_sam.api.errors import SamError
    from airflow_provider_sam.exceptions import SamConnectionLookupError, SamWaitError

    try:
        return connected(hook.sam_conn_id)
    except SamError as problem:
        watch.note_trouble(problem)
    except Exception as problem:  # noqa: BLE001 - whatever a secrets backend raises
        text = f"the connection cannot be read now ({type(problem).__name__}: {problem})"
        watch.note_trouble(SamConnectionLookupError(text))
    if watch.failure:
        raise SamWaitError(watch.failure)
    return None


def look_within(hook: SamHook, watch: Watch, *, patience: float, left: float) -> None:
    """Look once at each batch that has not ended.

    :param patience: seconds within which a call that failed may be repeated.
    :param left: seconds until the task's time is over; an answer that does not come is not waited for longer.
    :raises SamWaitError: no later look can succeed.
    """
    from airflow_provider_sam.batches.watching import look

    left = max(left, LEAST)
    with _client(hook, left) as client:
        look(client, watch, patience=min(patience, left))


def _client(hook: SamHook, longest: float) -> SamClient:
    from airflow_provider_sam.api.client import SamClient

    settings = hook.config.settings
    return SamClient(
        replace(
            settings,
            connect_timeout=min(settings.connect_timeout, longest),
            read_timeout=min(settings.read_timeout, longest),
        )
    )

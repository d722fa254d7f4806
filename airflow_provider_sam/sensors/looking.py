"""The looks of a worker at its batches, in no more time than the task has left."""

from __future__ import annotations

import inspect
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sam._compat import BaseSensorOperator
from airflow_provider_sam.hooks.sam import SamHook

if TYPE_CHECKING:
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.wait.watch import WaitState
    from airflow_provider_sam.sensors.between_pokes import PokeMemory

poke_to_the_end = inspect.unwrap(BaseSensorOperator.execute)
"""What each sensor does. Airflow 2 takes `super().execute()` for a call from outside of a task: it warns, or fails."""

LEAST = 1.0
"""Seconds that a look has even if the task's time is over: it may be the last one."""


class Looks:
    """The looks that one process of a worker takes at the batches of a wait.

    :param watch: what the wait knows of its batches.
    :param timeout: seconds that the looks may take altogether.
    :param memory: what outlives the process; None where the process outlives the wait.
    """

    def __init__(self, watch: WaitState, sam_conn_id: str, *, timeout: float, memory: PokeMemory | None = None) -> None:
        self.watch = watch
        self.hook: SamHook | None = None
        """The connection as it was read last."""
        self._sam_conn_id = sam_conn_id
        self._over_at = time.monotonic() + timeout
        self._memory = memory
        self._looked_before = memory is not None and memory.recall()

    def connect(self) -> SamHook | None:
        """Return a hook that has read the connection, anew for each look, since a key may be rotated.

        :return: None, and a word in the log, where a connection that could be read cannot be read now. One that never
            could raises Airflow's own error.
        :raises SamWaitError: the connection cannot be used as it is, and that has lasted.
        """
        hook = _connected_again(self.watch, self._sam_conn_id) if self._looked_before else _connected(self._sam_conn_id)
        if hook is not None:
            self.hook, self._looked_before = hook, True
        return hook

    def look(self, hook: SamHook, *, retry_for: float) -> None:
        """Look once at each batch that has not ended, in no more time than is left.

        :param retry_for: seconds within which a call that failed may be repeated.
        :raises SamWaitError: no later look can succeed.
        """
        look_within(hook, self.watch, retry_for=retry_for, left=self._over_at - time.monotonic())

    def keep(self) -> None:
        """Remember what was seen for the process that looks next."""
        if self._memory is not None:
            self._memory.keep()


def _connected(sam_conn_id: str) -> SamHook:
    hook = SamHook(sam_conn_id)
    _ = hook.config
    return hook


def _connected_again(watch: WaitState, sam_conn_id: str) -> SamHook | None:
    from airflow_provider_sam.api.errors import SamError
    from airflow_provider_sam.exceptions import SamConnectionLookupError, SamWaitError

    try:
        return _connected(sam_conn_id)
    except SamError as problem:
        watch.note_trouble(problem)
    except Exception as problem:  # noqa: BLE001 - whatever a secrets backend raises
        text = f"the connection cannot be read now ({type(problem).__name__}: {problem})"
        watch.note_trouble(SamConnectionLookupError(text))
    if watch.failure:
        raise SamWaitError(watch.failure)
    return None


def look_within(hook: SamHook, watch: WaitState, *, retry_for: float, left: float) -> None:
    """Look once at each batch that has not ended.

    :param retry_for: seconds within which a call that failed may be repeated.
    :param left: seconds until the task's time is over; an answer that does not come is not waited for longer.
    :raises SamWaitError: no later look can succeed.
    """
    from airflow_provider_sam.batches.wait.watch import look

    left = max(left, LEAST)
    with _client(hook, left) as client:
        look(client, watch, retry_for=min(retry_for, left))


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

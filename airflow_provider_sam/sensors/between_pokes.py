"""What a wait in `mode="reschedule"` has seen outlives a poke where Airflow keeps a state for the task: from 3.3 on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.wait.watch import WaitState

KEY = "sam_wait"
"""The key in the task state store."""

RETENTION = timedelta(days=30)
"""How long Airflow keeps it at least after the last change."""


class PokeMemory:
    """Remembers for one try of a task from one poke to the next, as far as it can: a wait never fails for it.

    :param context: the task's; its store is None on Airflow before 3.3.
    :param watch: what the wait knows.
    """

    def __init__(self, context: Context, watch: WaitState, *, log: Logger) -> None:
        self._store: Any = context.get("task_state_store")
        self._try_number = getattr(context.get("ti"), "try_number", None)
        self._watch = watch
        self._log = log
        self._kept: dict[str, Any] | None = None

    def recall(self) -> bool:
        """Tell the watch what earlier pokes of this try have seen, and return whether there were any."""
        if self._store is None:
            return False
        try:
            kept = self._store.get(KEY)
            if kept is None or kept["try_number"] != self._try_number:
                return False
            self._watch.recall(kept["looks"])
        except Exception as problem:  # noqa: BLE001 - whatever the store says, the wait goes on without it
            self._log.warning("Could not read what earlier pokes saw: %s", problem)
            return False
        self._kept = kept
        return True

    def keep(self) -> None:
        """Write down what the watch knows, if that has changed."""
        kept = {"try_number": self._try_number, "looks": self._watch.dump()}
        if self._store is None or kept == self._kept:
            return
        try:
            self._store.set(KEY, kept, retention=RETENTION)
        except Exception as problem:  # noqa: BLE001 - likewise
            self._log.warning("Could not store what this poke saw: %s", problem)
        self._kept = kept

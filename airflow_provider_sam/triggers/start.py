"""A wait that begins in the triggerer, before any worker has seen the task: its arguments are templates until then."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import TriggerEvent, XComArg
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.triggers.batch import SamBatchTrigger
from airflow_provider_sam.triggers.loading import WAITS, loaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_provider_sam.batches.wait.deferral import Deferral


def templates_of(batch_id: object) -> list[str] | None:
    """Return `batch_id` as what a trigger can take before its task runs: ids, and templates that give ids.

    Airflow's triggerer answers a pull of an XCom only if it names one map index (3.3.2); any other is never answered.
    So the output of an unmapped task becomes such a template, and a user's own template that pulls is left alone.

    :return: None where that cannot be.
    """
    given = batch_id if isinstance(batch_id, (list, tuple)) else [batch_id]
    templates = [_template_of(each) for each in given]
    return None if None in templates else [each for each in templates if each is not None]


def _template_of(value: object) -> str | None:
    if isinstance(value, str):
        return None if "xcom_pull" in value else value
    operator, key = getattr(value, "operator", None), getattr(value, "key", None)
    if not isinstance(value, XComArg) or operator is None or key is None:
        return None
    if operator.is_mapped or operator.get_closest_mapped_task_group() is not None:
        return None
    return f"{{{{ task_instance.xcom_pull(task_ids={operator.task_id!r}, key={key!r}, map_indexes=-1) }}}}"


class SamBatchStartTrigger(SamBatchTrigger):
    """Waits as `SamBatchTrigger` does, for a task that begins in the triggerer.

    It has no deadline of its own, since no moment is known when a Dag is parsed. Airflow ends the wait, at a moment
    that is fixed when it begins and kept in the database.

    :param batch_id: the batch, or several: ids, or templates that give ids (templated).
    :param sam_conn_id: the connection (templated). Default: `sam_default`.
    :param poll_interval: seconds within which each batch is looked at. Default: 60.
    :param cancel_on_kill: as in `SamBatchTrigger`.
    :param visibility_timeout: likewise.
    """

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str],
        sam_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        cancel_on_kill: bool = False,
        visibility_timeout: float | None = None,
    ) -> None:
        super().__init__(
            batch_ids=(),
            deadline=math.inf,
            sam_conn_id=sam_conn_id,
            poll_interval=poll_interval,
            cancel_on_kill=cancel_on_kill,
            visibility_timeout=visibility_timeout,
        )
        self.batch_id = batch_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger elsewhere."""
        path, arguments = super().serialize()
        unknown_yet = {"batch_ids", "deadline", "seen", "deferral"}
        known = {name: value for name, value in arguments.items() if name not in unknown_yet}
        return path, {"batch_id": self.batch_id, **known}

    def ids(self) -> list[str]:
        """Return the batches that are waited for; a template gives several of them as the text of a list.

        :raises SamRequestError: there is none, or what came is no id.
        """
        from airflow_provider_sam.batches.ids import batch_ids

        given: object = self.batch_id
        if isinstance(given, str) and given.lstrip().startswith("["):
            try:
                given = ast.literal_eval(given.strip())
            except (ValueError, SyntaxError):
                given = self.batch_id
        return batch_ids(given, may_be_empty=True)

    def _own_deferral(self) -> Deferral | None:
        """Return which deferral the wait is: that of the task's try."""
        from airflow_provider_sam.batches.wait.deferral import Deferral

        try_number = getattr(self.task_instance, "try_number", None)
        return None if try_number is None else Deferral(try_number=try_number)

    async def _leave_deferral(self) -> None:
        """Do what a sensor does on a worker before it defers."""
        from airflow_provider_sam.triggers.kills import leave_deferral

        own = self._own_deferral()
        if self.cancel_on_kill and own is not None:
            try:
                await leave_deferral(self.task_instance, own)
            except Exception as problem:  # noqa: BLE001 - the wait is what matters
                self.log.warning("Clearing this task may not cancel its batches: %s", problem)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event; one that says so where there is nothing to wait for."""
        await loaded(WAITS)
        from airflow_provider_sam.api.errors import SamRequestError
        from airflow_provider_sam.batches.wait.event import BatchEvent

        try:
            ids = self.ids()
        except SamRequestError as problem:
            yield TriggerEvent(BatchEvent(outcome="error", message=str(problem)).dump())
            return
        if not ids:
            yield TriggerEvent(BatchEvent(outcome="ended", batches=(), message="").dump())
            return
        await self._leave_deferral()
        async for event in super().run():
            yield event

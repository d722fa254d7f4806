"""Waits until message batches have ended, in the triggerer or on a worker, with the same decisions in both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_sam._compat import (
    TRIGGERS_RENDER_TEMPLATES,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
)
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.links.batch import SamBatchLink, keep_link, leave_link
from airflow_provider_sam.sensors.between_pokes import PokeMemory
from airflow_provider_sam.sensors.deferring import (
    EXECUTION_TIMEOUT,
    TIMEOUT,
    defers,
    ended_by_guard,
    leave_deferral,
    nearest_limit,
    start_trigger_args,
    until_guard,
    unwatched,
    warn_without_triggerer,
)
from airflow_provider_sam.sensors.looking import Looks, poke_to_the_end
from airflow_provider_sam.tasks.failing import fails_as_it_should
from airflow_provider_sam.triggers.batch import CANCEL_WITHIN, SamBatchTrigger
from airflow_provider_sam.triggers.start import templates_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context, XComArg
    from airflow_provider_sam.batches.summary import BatchSummary
    from airflow_provider_sam.batches.wait.event import OnCanceled


class SamBatchSensor(BaseSensorOperator):
    """Waits until all of the batches have ended and returns how each of them did.

    :param batch_id: the batch, or a list of batches (templated). An empty list, as a task leaves it that had nothing to
        send, ends the wait at once.
    :param deferrable: whether the wait goes to the triggerer and leaves the worker's slot free. Default: as
        `[operators] default_deferrable` says.
    :param start_from_trigger: whether a deferrable wait begins in the triggerer, so that it takes no worker's slot
        before its end. Airflow can do so from 3.3 on. The wait begins on a worker all the same on older versions,
        for mapped tasks, with an `execution_timeout`, and where `batch_id` is a template that pulls an XCom rather
        than a task's output. Default: no.
    :param on_canceled: what a batch means that was canceled before any of its requests was answered: `fail` (the
        default), `skip` or `succeed`.
    :param cancel_on_timeout: whether batches that have not ended are canceled when `timeout` has passed. Default: no.
    :param cancel_on_kill: whether batches that have not ended are canceled when the task is killed: marked failed or
        succeeded, or cleared, by a person; or ended by `execution_timeout`. A deferred task hears of the first only on
        Airflow 3.3 and newer. Default: no.
    :param visibility_timeout: seconds of nothing but 404 after which a batch that was never seen counts as one that was
        never there, and the task fails; a batch that was seen once is waited for until `timeout`. Default: 900. In
        `mode="reschedule"` from Airflow 3.3 on; on older versions each poke stands alone.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    `poke_interval`, `timeout`, `soft_fail`, `never_fail` and `execution_timeout` mean what they mean for every sensor,
    in both modes; the wait in the triggerer counts for both limits. Outages of the API, rate limits and short-lived
    404s are waited out until then; a refusal, as of the API key, must stand for 5 minutes before it ends the wait.

    Returns a list with, for each batch, its `id`, `processing_status` and counts.

    :raises AirflowSensorTimeout: `timeout` seconds have passed and a batch has not ended.
    :raises AirflowTaskTimeout: the same for `execution_timeout`.
    :raises SamWaitError: a refusal stands, or a batch was never there.
    :raises SamBatchFailedError: a batch was canceled and `on_canceled` is `fail`.
    """

    template_fields = ("batch_id", "sam_conn_id")
    operator_extra_links = (SamBatchLink(),)
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str] | XComArg,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        on_canceled: OnCanceled = "fail",
        cancel_on_timeout: bool = False,
        cancel_on_kill: bool = False,
        visibility_timeout: float = 900.0,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.deferrable = defers(deferrable)
        self.on_canceled = on_canceled
        self.cancel_on_timeout = cancel_on_timeout
        self.cancel_on_kill = cancel_on_kill
        self.visibility_timeout = visibility_timeout
        self.sam_conn_id = sam_conn_id
        self._begin_in_triggerer(wanted=start_from_trigger)
        self._looks: Looks | None = None
        self._seen: Sequence[BatchSummary] = ()

    def _begin_in_triggerer(self, *, wanted: bool) -> None:
        if not wanted or not self.deferrable or not TRIGGERS_RENDER_TEMPLATES:
            return
        templates = templates_of(self.batch_id)
        # With an `execution_timeout`, Airflow would not tell which of the two limits has passed.
        if not templates or self.execution_timeout is not None:
            return
        self.start_from_trigger = True
        self.start_trigger_args = start_trigger_args(
            templates,
            timeout=self.timeout,
            sam_conn_id=self.sam_conn_id,
            poll_interval=self.poke_interval,
            cancel_on_kill=self.cancel_on_kill,
            visibility_timeout=self.visibility_timeout,
        )

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Take up the task again. Airflow ends a wait that began in the triggerer; any other ends by us, if it can."""
        if self.start_from_trigger:
            self._leave_link(context)
        else:
            keep_link(context)
            if ended_by_guard(next_method, next_kwargs):
                next_method, next_kwargs = "_end_unwatched", {}
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            if self.start_from_trigger and AirflowSensorTimeout in {type(error), type(error.__cause__)}:
                self._give_up()
            raise

    def _end_unwatched(self, context: Context) -> NoReturn:  # noqa: ARG002 - as Airflow calls what it resumes
        """End a wait whose deadline passed without a triggerer that would have seen it."""
        limit = self.execution_timeout
        sooner = limit is not None and limit.total_seconds() <= self.timeout
        self._time_out(EXECUTION_TIMEOUT if sooner else TIMEOUT, seen=unwatched())

    @fails_as_it_should
    def execute(self, context: Context) -> Any:
        """Poke until the end, as every sensor does; batches that are given up are canceled where that was asked for."""
        try:
            return poke_to_the_end(self, context)
        except AirflowSensorTimeout:
            self._give_up()
            raise
        except AirflowSkipException as skip:
            # What was a time-out before `soft_fail` or `never_fail` made it a skip.
            if isinstance(skip.__cause__, AirflowTaskTimeout):
                self.on_kill()
            elif skip.__cause__ is None or isinstance(skip.__cause__, AirflowSensorTimeout):
                self._give_up()
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once at each batch that has not ended; a deferrable wait goes on in the triggerer from there.

        Deferring from here, not from `execute`, leaves what `soft_fail` and its kin mean to Airflow in both modes, and
        a batch that has ended already costs no deferral.
        """
        from airflow_provider_sam.batches.wait.watch import WaitState

        if self._looks is None:
            if not (ids := self._ids()):
                self.log.info("No batches to wait for: batch_id is an empty list")
                return PokeReturnValue(is_done=True, xcom_value=[])
            watch = WaitState(ids, self.log, visibility_timeout=self.visibility_timeout)
            memory = PokeMemory(context, watch, log=self.log) if self.reschedule else None
            self._looks = Looks(watch, self.sam_conn_id, timeout=self.timeout, memory=memory)
        watch, first = self._looks.watch, self._looks.hook is None
        try:
            if hook := self._looks.connect():
                if first:
                    self._leave_link(context)
                self._looks.look(hook, retry_for=self.poke_interval)
        finally:
            self._looks.keep()
            self._seen = watch.batches
        if watch.done:
            return PokeReturnValue(is_done=True, xcom_value=self._conclude(self._seen))
        if self.deferrable:
            self._defer(context, list(watch.seen))
        return PokeReturnValue(is_done=False)

    def _defer(self, context: Context, batch_ids: list[str]) -> NoReturn:
        warn_without_triggerer(context, self.log)
        now = time.time()
        limit, deadline = nearest_limit(
            context, now=now, timeout=self.timeout, execution_timeout=self.execution_timeout
        )
        self.defer(
            trigger=SamBatchTrigger(
                batch_ids=batch_ids,
                deadline=deadline,
                sam_conn_id=self.sam_conn_id,
                poll_interval=self.poke_interval,
                cancel_on_kill=self.cancel_on_kill,
                visibility_timeout=self.visibility_timeout,
                seen=[batch.id for batch in self._seen],
                deferral=leave_deferral(context) if self.cancel_on_kill else None,
            ),
            method_name="execute_complete",
            kwargs={"limit": limit},
            timeout=until_guard(deadline, now=now),
        )

    def execute_complete(
        self,
        context: Context,  # noqa: ARG002 - Airflow's signature
        event: Mapping[str, Any] | None = None,
        limit: str = TIMEOUT,
    ) -> list[dict[str, Any]]:
        """Take up the task again when the trigger has fired, and judge what it saw.

        :param limit: which of the task's limits the trigger's deadline was.
        """
        from airflow_provider_sam.batches.wait.event import BatchEvent
        from airflow_provider_sam.exceptions import SamWaitError

        try:
            event_seen = BatchEvent.load(event)
        except ValueError as problem:
            raise SamWaitError(str(problem)) from problem
        self._seen = event_seen.batches
        if event_seen.outcome == "timeout":
            self._time_out(limit)
        if event_seen.outcome == "error":
            raise SamWaitError(event_seen.message)
        return self._conclude(self._seen)

    def _time_out(self, limit: str, *, seen: str = "") -> NoReturn:
        """End the wait as Airflow does where it counts the time itself.

        :param seen: what to say of the batches; by default how they stand.
        """
        from airflow_provider_sam.batches.summary import describe

        seen = seen or (describe(self._seen) if self._seen else "no batch was ever seen")
        if limit == TIMEOUT:
            self._give_up()
            raise AirflowSensorTimeout(f"Sensor has timed out after {self.timeout} s: {seen}")
        timed_out = AirflowTaskTimeout(f"execution_timeout of {self.execution_timeout} has passed: {seen}")
        if self.soft_fail or self.never_fail:
            self.on_kill()
            raise AirflowSkipException(str(timed_out)) from timed_out
        raise timed_out  # Airflow calls `on_kill` for it

    def on_kill(self) -> None:
        """Cancel what has not ended if that was asked for; Airflow calls this when it ends a running task."""
        if self.cancel_on_kill:
            self._cancel("The task was killed")
        else:
            self.log.info("The task was killed; its batches keep running: %s", ", ".join(self._open_ids()))

    def _give_up(self) -> None:
        if self.cancel_on_timeout:
            self._cancel("Timed out")

    def _cancel(self, why: str) -> None:
        from airflow_provider_sam.batches.wait.cancel import cancel_all

        if not (open_ids := self._open_ids()):
            return
        self.log.info("%s; canceling %s", why, ", ".join(open_ids))
        # A kill interrupts whatever runs, perhaps a talk with Airflow: the connection that was read before is taken.
        with self._connection().client as client:
            cancel_all(client, open_ids, log=self.log, retry_for=CANCEL_WITHIN)

    def _connection(self) -> SamHook:
        return (self._looks and self._looks.hook) or SamHook(self.sam_conn_id)

    def _leave_link(self, context: Context) -> None:
        leave_link(context, self._connection().config.console_url, self._ids())

    def _open_ids(self) -> list[str]:
        ended = {batch.id for batch in self._seen if batch.ended}
        return [batch_id for batch_id in self._ids() if batch_id not in ended]

    def _ids(self) -> list[str]:
        from airflow_provider_sam.batches.ids import batch_ids

        return batch_ids(self.batch_id, may_be_empty=True)

    def _conclude(self, batches: Sequence[BatchSummary]) -> list[dict[str, Any]]:
        from airflow_provider_sam.batches.wait.event import CompletionPolicy
        from airflow_provider_sam.exceptions import SamBatchFailedError

        verdict, reason = CompletionPolicy(on_canceled=self.on_canceled).judge(batches)
        if verdict == "fail":
            raise SamBatchFailedError(reason)
        if verdict == "skip":
            raise AirflowSkipException(reason)
        return [{"id": batch.id, "processing_status": batch.processing_status, **batch.counts()} for batch in batches]

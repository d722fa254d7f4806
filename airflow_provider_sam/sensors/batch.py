"""Waits until message batches have ended, in the triggerer or on a worker, with the same decisions in both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_sam._compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.triggers.batch import SamBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context, XComArg
    from airflow_provider_sam.batches.completion import BatchSummary, OnCanceled
    from airflow_provider_sam.batches.polling import Watch


class SamBatchSensor(BaseSensorOperator):
    """Waits until all of the batches have ended and returns how each of them did.

    :param batch_id: the batch, or a list of batches (templated).
    :param deferrable: whether the wait goes to the triggerer and leaves the worker's slot free. Default: as
        `[operators] default_deferrable` says.
    :param on_canceled: what a batch means that was canceled before any of its requests was answered: `fail` (the
        default), `skip` or `succeed`.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    `poke_interval`, `timeout` and `soft_fail` mean what they mean for every sensor, in both modes. Outages of the API,
    rate limits and short-lived 404s are waited out until `timeout`; a refused API key is not.

    Returns a list with, for each batch, its `id`, `processing_status` and counts.

    :raises AirflowSensorTimeout: `timeout` seconds have passed and a batch has not ended.
    :raises SamBatchFailedError: a batch was canceled and `on_canceled` is `fail`.
    """

    template_fields = ("batch_id", "sam_conn_id")
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str] | XComArg,
        deferrable: bool | None = None,
        on_canceled: OnCanceled = "fail",
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.deferrable = _default_deferrable() if deferrable is None else deferrable
        self.on_canceled = on_canceled
        self.sam_conn_id = sam_conn_id
        self._watch: Watch | None = None

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once at each batch that has not ended; a deferrable wait goes on in the triggerer from there.

        Deferring from here, not from `execute`, leaves what `soft_fail` and its kin mean to Airflow in both modes, and
        a batch that has ended already costs no deferral.
        """
        from airflow_provider_sam.batches.ids import batch_ids
        from airflow_provider_sam.batches.polling import Watch, look
        from airflow_provider_sam.hooks.sam import SamHook

        if self._watch is None:
            self._watch = Watch(batch_ids(self.batch_id), self.log)
        with SamHook(self.sam_conn_id).client as client:
            look(client, self._watch)
        if self._watch.done:
            return PokeReturnValue(is_done=True, xcom_value=self._conclude(self._watch.batches))
        if self.deferrable:
            self._defer(list(self._watch.seen))
        return PokeReturnValue(is_done=False)

    def _defer(self, batch_ids: list[str]) -> NoReturn:
        self.defer(
            trigger=SamBatchTrigger(
                batch_ids=batch_ids,
                deadline=time.time() + self.timeout,
                sam_conn_id=self.sam_conn_id,
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """Take up the task again when the trigger has fired, and judge what it saw."""
        from airflow_provider_sam.batches.completion import BatchEvent, describe
        from airflow_provider_sam.exceptions import SamWaitError

        try:
            seen = BatchEvent.load(event)
        except ValueError as problem:
            raise SamWaitError(str(problem)) from problem
        if seen.outcome == "timeout":
            raise AirflowSensorTimeout(f"Sensor has timed out after {self.timeout} s: {describe(seen.batches)}")
        if seen.outcome == "error":
            raise SamWaitError(seen.message)
        return self._conclude(seen.batches)

    def _conclude(self, batches: Sequence[BatchSummary]) -> list[dict[str, Any]]:
        from airflow_provider_sam.batches.completion import CompletionPolicy
        from airflow_provider_sam.exceptions import SamBatchFailedError

        verdict, reason = CompletionPolicy(on_canceled=self.on_canceled).judge(batches)
        if verdict == "fail":
            raise SamBatchFailedError(reason)
        if verdict == "skip":
            raise AirflowSkipException(reason)
        return [{"id": batch.id, "processing_status": batch.processing_status, **batch.counts()} for batch in batches]


def _default_deferrable() -> bool:
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))

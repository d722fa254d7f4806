"""What the two operators share that submit requests, in different rooms: from their arguments to the batches' ids.

Each of them lists and documents all of its arguments for itself, as people and editors read them; what is done with
those of both is here.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow_provider_sam._compat import AirflowSkipException, BaseOperator
from airflow_provider_sam.links.batch import SamBatchLink, leave_link
from airflow_provider_sam.tasks.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.batches.submit.requests import Part
    from airflow_provider_sam.batches.submit.run import InputOptions, SubmissionEstimate, SubmitRun
    from airflow_provider_sam.batches.submit.submission import SubmitOptions
    from airflow_provider_sam.exceptions import SamSubmissionUnprovenError
    from airflow_provider_sam.rows.requests.reuse import RowCounts
    from airflow_provider_sam.tasks.rows import RowRequests
    from airflow_provider_sam.tasks.verbatim import Verbatim

LOOK_EVERY = 60.0
"""Seconds between two looks at a batch that may be the task's own."""

GUARD = 900.0
"""Seconds after the deadline of a wait by which Airflow itself ends it, in case no triggerer lives."""


class BaseSamSubmitOperator(BaseOperator):
    """A task that submits requests once. Its subclasses set the attributes, and say where the requests come from."""

    template_fields: Sequence[str] = (
        "overrides",
        "only_failed_of",
        "storage_conn_id",
        "max_requests",
        "max_input_tokens",
        "adopt_batch_id",
        "state_path",
        "betas",
        "sam_conn_id",
    )
    operator_extra_links = (SamBatchLink(),)
    ui_color = "#efe6fb"

    overrides: Verbatim
    only_failed_of: Mapping[str, Any] | str | ObjectStoragePath | XComArg | None
    _is_later_round: bool
    treat_stop_reasons_as_failed: Sequence[str]
    storage_conn_id: str | None
    max_requests: int | str | None
    max_input_tokens: int | str | None
    token_samples: int
    on_empty: Literal["fail", "skip"]
    adopt_batch_id: str | Sequence[str] | None
    resubmit: bool
    is_dry_run: bool
    visibility_timeout: float
    prove_within: float | None
    deferrable: bool
    state_path: str | ObjectStoragePath | None
    betas: Sequence[str] | None
    sam_conn_id: str
    _run: SubmitRun | None = None
    _too_late = False

    def resume(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take up the task again after a batch has ended that may be its own: run it anew, from what is remembered."""
        from airflow_provider_sam.batches.wait.event import BatchEvent
        from airflow_provider_sam.exceptions import SamWaitError

        try:
            seen = BatchEvent.load(event)
        except ValueError as problem:
            raise SamWaitError(str(problem)) from problem
        if seen.outcome == "error":
            raise SamWaitError(seen.message)
        self._too_late = seen.outcome == "timeout"
        return self.execute(context)

    def _leave(self, context: Context, question: SamSubmissionUnprovenError) -> NoReturn:
        """Leave the worker until the oldest batch that may be this task's has ended."""
        from airflow_provider_sam.hooks.triggerers import find_triggerer_problem
        from airflow_provider_sam.triggers.batch import SamBatchTrigger

        if problem := find_triggerer_problem(context["ti"]):
            self.log.warning("%s", problem)
        self.log.info("Deferring until batch %s has ended", question.batch_ids[0])
        self.defer(
            trigger=SamBatchTrigger(
                batch_ids=[question.batch_ids[0]],
                deadline=question.until,
                sam_conn_id=self.sam_conn_id,
                poll_interval=LOOK_EVERY,
            ),
            method_name="resume",
            timeout=timedelta(seconds=question.until - time.time() + GUARD),
        )

    def _submit_rows(
        self, context: Context, rows: RowRequests, *, one_batch: bool = False
    ) -> list[str] | dict[str, int]:
        """Create the batches of the rows that no earlier publication answers, or find those that exist.

        :param one_batch: as for `_submit`.
        :raises AirflowSkipException: there are no rows, and `on_empty` is `skip`.
        """
        from airflow_provider_sam.batches.land.earlier import earlier_lines
        from airflow_provider_sam.batches.land.policy import check_stop_reasons
        from airflow_provider_sam.batches.submit.requests import PreparedBlock
        from airflow_provider_sam.hooks.sam import SamHook
        from airflow_provider_sam.rows.requests.lines import request_lines
        from airflow_provider_sam.rows.requests.reuse import Unanswered

        bound = rows.bind(context, model=SamHook(self.sam_conn_id).get_default_model())
        earlier = earlier_lines(bound.reuse, conn_id=bound.storage_conn_id, log=self.log)
        stop_reasons = self.treat_stop_reasons_as_failed
        check_stop_reasons(stop_reasons)
        only = self._failed_before()
        with Unanswered(
            earlier, bound.output_type, dedupe=rows.dedupe, stop_reasons=stop_reasons, only=only
        ) as unanswered:
            lines = request_lines(bound.batches(bound.recipe.columns), bound.recipe, unanswered)
            found = self._submit(
                context,
                lambda _limits: (PreparedBlock("", *block) for block in lines),
                defaults=None,
                one_batch=one_batch,
                counts=unanswered.counts,
            )
        self.log.info("%s", unanswered.counts)
        return found

    def _submit(
        self,
        context: Context,
        read: Callable[[Limits], Iterable[Part]],
        *,
        defaults: Mapping[str, Any] | None,
        one_batch: bool = False,
        counts: RowCounts | None = None,
    ) -> list[str] | dict[str, int]:
        """Return the batches' ids, in order: created, or found where an earlier try has created them.

        A dry run creates nothing and returns what would be sent.

        :param read: gives the requests one by one, or in blocks of lines, when it is told the connection's limits.
        :param defaults: parameters for the requests that lack them.
        :param one_batch: whether all must fit into one batch.
        :param counts: what becomes of the rows that the requests are made of, known when all are read; they are those
            that are sent, also in a later round.
        :raises AirflowSkipException: there are no requests, and `on_empty` is `skip`.
        """
        from airflow_provider_sam.batches.store.store import memory_for
        from airflow_provider_sam.batches.submit.run import SubmitRun
        from airflow_provider_sam.exceptions import SamSubmissionUnprovenError
        from airflow_provider_sam.hooks.sam import SamHook

        hook = SamHook(self.sam_conn_id)
        input_options = self._input_options(
            defaults=defaults,
            overrides=self.overrides.read(context),
            model=hook.get_default_model(),
            only=self._failed_before() if counts is None else None,
            one_batch=one_batch,
            may_be_empty=lambda: counts is not None and counts.reused > 0,
        )
        memory = memory_for(context, self.state_path or hook.config.state_path, log=self.log)
        with hook.client as client:
            look_every = None if self.deferrable else LOOK_EVERY
            self._run = SubmitRun(
                client, memory, self._options(context), input_options, log=self.log, look_every=look_every
            )
            if self.is_dry_run:
                return self._report(self._run.estimate(read(client.settings.limits)), counts)
            try:
                ids = self._run.submit(read(client.settings.limits))
            except SamSubmissionUnprovenError as question:
                if memory.load() is None:  # who forgets what was sent would send it again
                    raise
                self._leave(context, question)
        if not ids and not (counts and counts.reused):
            raise AirflowSkipException("No requests to submit.")
        leave_link(context, hook.config.console_url, ids)
        return ids

    def _report(self, estimate: SubmissionEstimate, counts: RowCounts | None) -> dict[str, int]:
        """Say what a dry run has found, in the log and as what the task returns."""
        report = {**(asdict(counts) if counts else {}), **asdict(estimate)}
        self.log.info(
            "Dry run, nothing was sent: %s", ", ".join(f"{number:,} {name}" for name, number in report.items())
        )
        return report

    def _input_options(self, **of_the_input: Any) -> InputOptions:
        from airflow_provider_sam.batches.submit.run import InputOptions

        return InputOptions(
            max_requests=whole_number("max_requests", self.max_requests),
            max_input_tokens=whole_number("max_input_tokens", self.max_input_tokens),
            token_samples=self.token_samples,
            on_empty=self.on_empty,
            **of_the_input,
        )

    def _failed_before(self) -> set[str] | None:
        """Name the requests that an earlier publication has no good result of; None where none is given.

        :raises AirflowSkipException: there are none.
        """
        from airflow_provider_sam.batches.land.failed import failed_custom_ids
        from airflow_provider_sam.batches.land.manifest import read_manifest
        from airflow_provider_sam.batches.land.policy import check_stop_reasons

        if not self._is_later_round:
            return None
        check_stop_reasons(self.treat_stop_reasons_as_failed)
        manifest = read_manifest(self.only_failed_of, conn_id=self.storage_conn_id, what="only_failed_of")
        stop_reasons = self.treat_stop_reasons_as_failed
        failed = failed_custom_ids(manifest, stop_reasons=stop_reasons, conn_id=self.storage_conn_id)
        total = manifest["total"]["lines"]
        if not failed:
            raise AirflowSkipException(f"None of {total} requests failed for a reason worth retrying.")
        self.log.info("%d of %d requests failed for a reason worth retrying", len(failed), total)
        return failed

    def _options(self, context: Context) -> SubmitOptions:
        from airflow_provider_sam.batches.submit.run import ids_to_adopt
        from airflow_provider_sam.batches.submit.submission import SubmitOptions

        return SubmitOptions(
            round=context["ti"].max_tries,
            betas=self.betas,
            adopt=ids_to_adopt(self.adopt_batch_id),
            resubmit=self.resubmit,
            visibility_timeout=self.visibility_timeout,
            prove_within=self.prove_within,
            clock=_never if self._too_late else time.time,
        )

    def on_kill(self) -> None:
        """Stop before the last byte is sent; what may have been created is remembered for the next try."""
        if self._run is not None:
            self._run.stop()


def _never() -> float:
    """Return a time after which nothing is waited for."""
    return math.inf

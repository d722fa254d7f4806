"""What the two operators share that submit requests, in different rooms: from their arguments to the batches' ids.

Each of them lists and documents all of its arguments for itself, as people and editors read them; what is done with
those of both is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import AirflowSkipException, BaseOperator
from airflow_provider_sam.links.batch import SamBatchLink, leave_link

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath
    from airflow_provider_sam.batches.intake import SubmitRun, Terms
    from airflow_provider_sam.batches.remembering import Wishes
    from airflow_provider_sam.batches.requests import Block, Entry


class SamSubmitTask(BaseOperator):
    """A task that submits requests once. Its subclasses set the attributes, and say where the requests come from."""

    template_fields: Sequence[str] = (
        "max_requests",
        "max_input_tokens",
        "adopt_batch_id",
        "state_path",
        "betas",
        "sam_conn_id",
    )
    operator_extra_links = (SamBatchLink(),)
    ui_color = "#efe6fb"

    max_requests: int | str | None
    max_input_tokens: int | str | None
    token_samples: int
    on_empty: Literal["fail", "skip"]
    adopt_batch_id: str | Sequence[str] | None
    resubmit: bool
    visibility_timeout: float
    state_path: str | ObjectStoragePath | None
    betas: Sequence[str] | None
    sam_conn_id: str
    _run: SubmitRun | None = None

    def _submit(
        self,
        context: Context,
        parts: Iterable[Entry | Block],
        *,
        defaults: Mapping[str, Any] | None,
        only: Collection[str] | None = None,
        one_batch: bool = False,
    ) -> list[str]:
        """Create the batches, or find those that an earlier try has created; give their ids, in order.

        :param parts: requests one by one, or blocks of lines.
        :param defaults: parameters for the requests that lack them.
        :param only: the custom_ids of the requests that are submitted; None for all.
        :param one_batch: whether all must fit into one batch.
        :raises AirflowSkipException: there are no requests, and `on_empty` is `skip`.
        """
        from airflow_provider_sam.batches.intake import SubmitRun
        from airflow_provider_sam.batches.state import memory_for
        from airflow_provider_sam.hooks.sam import SamHook

        terms = self._terms(defaults=defaults, only=only, one_batch=one_batch)
        hook = SamHook(self.sam_conn_id)
        memory = memory_for(context, self.state_path or hook.config.state_path, log=self.log)
        with hook.client as client:
            self._run = SubmitRun(client, memory, self._wishes(context), terms, log=self.log)
            ids = self._run.submit(parts)
        if not ids:
            raise AirflowSkipException("There are no requests.")
        leave_link(context, hook.config.console_url, ids)
        return ids

    def _terms(self, **of_the_input: Any) -> Terms:
        from airflow_provider_sam.batches.intake import Terms, whole_number

        return Terms(
            max_requests=whole_number("max_requests", self.max_requests),
            max_input_tokens=whole_number("max_input_tokens", self.max_input_tokens),
            token_samples=self.token_samples,
            on_empty=self.on_empty,
            **of_the_input,
        )

    def _wishes(self, context: Context) -> Wishes:
        from airflow_provider_sam.batches.intake import ids_to_adopt
        from airflow_provider_sam.batches.remembering import Wishes

        return Wishes(
            round=context["ti"].max_tries,
            betas=self.betas,
            adopt=ids_to_adopt(self.adopt_batch_id),
            resubmit=self.resubmit,
            patience=self.visibility_timeout,
        )

    def on_kill(self) -> None:
        """Stop before the last byte is sent; what may have been created is remembered for the next try."""
        if self._run is not None:
            self._run.stop()

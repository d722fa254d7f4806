"""Create a message batch, and cancel one. Neither waits: that is the sensor's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.operators.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, XComArg


class SamCreateBatchOperator(BaseOperator):
    """Creates one message batch and returns its id.

    :param requests: the batch's requests, each a mapping with `custom_id` and `params`: a list, an upstream task's
        output that holds one, or a callable that takes the task's context and gives them. They are data: nothing in
        them is rendered as a template, and they appear on no page of Airflow.
    :param betas: names of beta features for the whole batch (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    Everything is checked before anything is sent: the form and uniqueness of each `custom_id`, the parameters that
    every message needs, the number of requests and the size of the body.

    :raises SamRequestError: a request is not what the API takes; nothing was sent.
    :raises SamAmbiguousSubmitError: the request went out and no clean answer came back, so that a batch may exist. The
        request is not repeated by itself, for a second batch would be billed too.
    """

    template_fields = ("requests", "betas", "sam_conn_id")
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        requests: Iterable[Mapping[str, Any]] | XComArg | Callable[[Context], Iterable[Mapping[str, Any]]],
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = Verbatim(requests)
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    def execute(self, context: Context) -> str:
        """Create the batch and give its id."""
        from airflow_provider_sam.hooks.sam import SamHook

        requests = self.requests.read(context)
        with SamHook(self.sam_conn_id).client as client:
            batch = client.create_batch(requests, betas=self.betas)
        self.log.info("Created batch %s of %d requests; it expires at %s", batch.id, batch.total, batch.expires_at)
        return batch.id


class SamCancelBatchOperator(BaseOperator):
    """Asks the API to cancel a batch and returns the batch's `processing_status`.

    What has already run keeps its result and is billed. The batch is `canceling` until it has ended; a sensor waits
    for that. Canceling a batch twice does no harm.

    :param batch_id: the batch (templated).
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.
    """

    template_fields = ("batch_id", "betas", "sam_conn_id")
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        batch_id: str | XComArg,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Ask for the cancellation and give the status that the API answers."""
        from airflow_provider_sam.hooks.sam import SamHook

        with SamHook(self.sam_conn_id).client as client:
            batch = client.cancel_batch(self.batch_id, betas=self.betas)
        self.log.info("Asked to cancel batch %s; it is %s", batch.id, batch.processing_status)
        return batch.processing_status

"""Create a message batch, cancel one, delete one. None of them waits: that is the sensor's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.operators.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, XComArg
    from airflow_provider_sam.api.client import SamClient


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


class SamOneBatchOperator(BaseOperator):
    """What the operators share that do one thing to one batch.

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
        self.batch_id: Any = batch_id
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    def client(self) -> SamClient:
        """Give a new client; the caller closes it."""
        from airflow_provider_sam.hooks.sam import SamHook

        return SamHook(self.sam_conn_id).client


class SamCancelBatchOperator(SamOneBatchOperator):
    """Asks the API to cancel a batch and returns the batch's `processing_status`.

    What has already run keeps its result and is billed. The batch is `canceling` until it has ended; a sensor waits
    for that. Canceling a batch twice does no harm. Takes what `SamOneBatchOperator` takes.
    """

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Ask for the cancellation and give the status that the API answers."""
        with self.client() as client:
            batch = client.cancel_batch(self.batch_id, betas=self.betas)
        self.log.info("Asked to cancel batch %s; it is %s", batch.id, batch.processing_status)
        return batch.processing_status


class SamDeleteBatchOperator(SamOneBatchOperator):
    """Deletes a batch that has ended, with its results, and returns its id. A deleted batch cannot be brought back.

    Takes what `SamOneBatchOperator` takes.

    :raises SamStatusError: the batch is not there, or has not ended yet (400 or 409); wait for it first.
    """

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Delete the batch and give its id."""
        with self.client() as client:
            deleted = client.delete_batch(self.batch_id, betas=self.betas)
        self.log.info("Deleted batch %s", deleted.id)
        return deleted.id

"""Each operation of the API once: how to ask and how to read the answer. Both clients derive their methods from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.api import limits as checks
from airflow_provider_sam.api import models, routes
from airflow_provider_sam.api.bodies import BatchBody, RequestsBody
from airflow_provider_sam.api.describing import OperationBuilder
from airflow_provider_sam.api.identity import about, created
from airflow_provider_sam.api.operation import Effect
from airflow_provider_sam.api.statuses import BatchStatusPage, read_batches
from airflow_provider_sam.api.timeouts import message_timeout, upload_timeout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_sam.api.operation import Operation, Request
    from airflow_provider_sam.api.params import BatchRequestParams, CompletionParams, MessageParams, TokenParams

JSONL = {"accept": "application/x-jsonl", "accept-encoding": "identity"}
"""Results come as they are stored: a range of a compressed answer could not be continued by its bytes."""

EVENTS = {"accept": "text/event-stream", "cache-control": "no-store"}


class Endpoints(OperationBuilder):
    """What every method of the clients sends.

    Arguments that many methods share:

    - `betas`: None uses the plain route; any sequence, an empty one too, the beta route, and its names are sent.
    - `retry_for`: seconds from the first attempt within which repeats of a call may begin; by default the connection's
      ``retry_for``. An attempt under way is not cut short by it: it lasts for `connect_timeout` and twice the read
      time-out at most, and as long as its body takes to be sent.

    Every method raises `SamRequestError` before anything is sent, and one of the other `SamError` classes after that.
    """

    def create_message(
        self,
        params: MessageParams,
        *,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
        timeout: float | None = None,
        repeat: bool = False,
    ) -> Operation[models.Message]:
        """Have the model answer, and wait for the whole `Message`.

        :param params: the API's parameters of a message, see `params.MessageCreateParams`.
        :param timeout: seconds to wait for the answer; by default what `max_tokens` may need, see `timeouts`.
        :param repeat: repeat it also when it may have run, and so may be billed twice.
        """
        return self._operation(
            "create_message",
            routes.MESSAGES,
            models.Message.read,
            body=self._message_body(params, checks.MESSAGE_PARAMS),
            effect=Effect.SAME if repeat else Effect.BILLED,
            betas=betas,
            retry_for=retry_for,
            read_timeout=timeout or message_timeout(params["max_tokens"], floor=self._settings.read_timeout),
        )

    def stream_message(
        self,
        params: MessageParams,
        *,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Request:
        """Have the model answer, and read the answer while it is written.

        Only what fails before the answer begins is repeated, and only if it is certain that nothing ran.

        :param params: the API's parameters of a message, without ``stream``.
        :return: a context manager that gives the stream.
        """
        return self._request(
            "stream_message",
            routes.MESSAGES,
            body=self._message_body(params, checks.MESSAGE_PARAMS, stream=True),
            effect=Effect.BILLED,
            headers=EVENTS,
            betas=betas,
            retry_for=retry_for,
        )

    def count_tokens(
        self,
        params: TokenParams,
        *,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Operation[models.TokenCount]:
        """Estimate the input tokens of a message; free, with a rate limit of its own.

        :param params: the API's parameters, see `params.CountTokensParams`.
        """
        return self._operation(
            "count_tokens",
            routes.COUNT_TOKENS,
            models.TokenCount.read,
            body=self._message_body(params, checks.COUNT_TOKENS_PARAMS),
            betas=betas,
            retry_for=retry_for,
        )

    def create_batch(
        self,
        requests: Iterable[BatchRequestParams] | BatchBody,
        *,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Operation[models.MessageBatch]:
        """Create a batch. Never repeated unless it is certain that none was created.

        :param requests: mappings with `custom_id` and `params`, checked here; or a `BatchBody` to be streamed as it is.
        :raises SamAmbiguousSubmitError: the batch may or may not have been created.
        """
        body = requests if isinstance(requests, BatchBody) else RequestsBody(requests, self._limits)
        checks.check_size(body.content_length, self._limits.max_batch_bytes, what="the batch")
        return self._operation(
            "create_batch",
            routes.BATCHES,
            created(models.MessageBatch.read),
            body=body,
            effect=Effect.CREATED,
            betas=betas,
            retry_for=retry_for,
            read_timeout=upload_timeout(body.content_length, floor=self._settings.read_timeout),
        )

    def get_batch(
        self, batch_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> Operation[models.MessageBatch]:
        """Look at a batch."""
        path = routes.item(routes.BATCHES, batch_id, what="batch_id")
        read = about(batch_id, models.MessageBatch.read)
        return self._operation("get_batch", path, read, betas=betas, retry_for=retry_for)

    def list_batches(
        self,
        *,
        after_id: str | None = None,
        before_id: str | None = None,
        limit: int | None = None,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Operation[models.MessageBatchPage]:
        """List a page of the workspace's batches, newest first.

        :param after_id: list what is older than this batch.
        :param before_id: list what is newer than this batch; not together with `after_id`.
        :param limit: entries a page, 1 to 1000; by default the server's, 20.
        """
        query = routes.page_query(after_id, before_id, limit, self._limits)
        read = models.MessageBatchPage.read
        return self._operation("list_batches", routes.BATCHES, read, query=query, betas=betas, retry_for=retry_for)

    def list_batch_statuses(
        self,
        *,
        after_id: str | None = None,
        before_id: str | None = None,
        limit: int | None = None,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Operation[BatchStatusPage]:
        """List a page as `list_batches` does, and read no more of it than how far each batch is.

        For whoever looks at many batches often: it is read at a small part of the cost.
        """
        query = routes.page_query(after_id, before_id, limit, self._limits)
        asked = {"query": query, "betas": betas, "retry_for": retry_for}
        return self._operation("list_batch_statuses", routes.BATCHES, read_batches, **asked)

    def cancel_batch(
        self, batch_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> Operation[models.MessageBatch]:
        """Ask for a batch to end early; harmless when asked again. It ends as ``ended``, perhaps with results."""
        path = routes.item(routes.BATCHES, batch_id, what="batch_id", action="/cancel")
        read = about(batch_id, models.MessageBatch.read)
        return self._operation("cancel_batch", path, read, method="POST", betas=betas, retry_for=retry_for)

    def delete_batch(
        self, batch_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> Operation[models.DeletedMessageBatch]:
        """Delete a batch that has ended, and its results.

        Where the answer of an earlier attempt was lost, a 404 to its repeat is still raised, since it does not prove
        that the batch is gone; the error says what has probably happened.
        """
        path = routes.item(routes.BATCHES, batch_id, what="batch_id")
        read = about(batch_id, models.DeletedMessageBatch.read)
        return self._operation("delete_batch", path, read, method="DELETE", betas=betas, retry_for=retry_for)

    def stream_results(
        self,
        batch_id: str,
        *,
        offset: int = 0,
        if_range: str | None = None,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Request:
        """Read the results of a batch that has ended, as the bytes of a JSONL file.

        The path is built from the id; a batch's `results_url` is never requested.

        :param offset: how many bytes to leave out, if the server can; the stream says where it begins.
        :param if_range: the validator of an earlier answer: leave bytes out only of that version of the results.
        :return: a context manager that gives the stream.
        """
        path = routes.item(routes.BATCHES, batch_id, what="batch_id", action="/results")
        headers = JSONL | ({"range": f"bytes={offset}-"} if offset else {})
        headers |= {"if-range": if_range} if offset and if_range else {}
        return self._request("stream_results", path, headers=headers, betas=betas, retry_for=retry_for)

    def create_completion(
        self,
        params: CompletionParams,
        *,
        retry_for: float | None = None,
        timeout: float | None = None,
        repeat: bool = False,
    ) -> Operation[models.Completion]:
        """Have the model continue a text, and wait for the whole `Completion` (legacy).

        :param params: the API's parameters, see `params.CompleteCreateParams`.
        :param timeout: seconds to wait for the answer; by default what `max_tokens_to_sample` may need.
        :param repeat: repeat it also when it may have run, and so may be billed twice.
        """
        body = self._message_body(params, checks.COMPLETION_PARAMS)
        floor = self._settings.read_timeout
        return self._operation(
            "create_completion",
            routes.COMPLETE,
            models.Completion.read,
            body=body,
            effect=Effect.SAME if repeat else Effect.BILLED,
            retry_for=retry_for,
            read_timeout=timeout or message_timeout(params["max_tokens_to_sample"], floor=floor),
        )

    def stream_completion(self, params: CompletionParams, *, retry_for: float | None = None) -> Request:
        """Have the model continue a text, and read it while it is written (legacy).

        :param params: the API's parameters, without ``stream``.
        :return: a context manager that gives the stream.
        """
        return self._request(
            "stream_completion",
            routes.COMPLETE,
            body=self._message_body(params, checks.COMPLETION_PARAMS, stream=True),
            effect=Effect.BILLED,
            headers=EVENTS,
            retry_for=retry_for,
        )

    def get_model(
        self, model_id: str, *, betas: Sequence[str] | None = None, retry_for: float | None = None
    ) -> Operation[models.Model]:
        """Look up a model by id or alias. `betas` selects the route and stays empty."""
        routes.no_beta_names(betas)
        path = routes.item(routes.MODELS, model_id, what="model_id")
        return self._operation("get_model", path, models.Model.read, betas=betas, retry_for=retry_for)

    def list_models(
        self,
        *,
        after_id: str | None = None,
        before_id: str | None = None,
        limit: int | None = None,
        betas: Sequence[str] | None = None,
        retry_for: float | None = None,
    ) -> Operation[models.ModelPage]:
        """List a page of the models that the key may use, newest first. `betas` selects the route and stays empty.

        :param after_id: list what is older than this model.
        :param before_id: list what is newer than this model; not together with `after_id`.
        :param limit: entries a page, 1 to 1000; by default the server's, 20.
        """
        routes.no_beta_names(betas)
        query = routes.page_query(after_id, before_id, limit, self._limits)
        return self._operation(
            "list_models", routes.MODELS, models.ModelPage.read, query=query, betas=betas, retry_for=retry_for
        )

"""Create a message batch, cancel one, delete one. None of them waits: that is the sensor's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.links.batch import SamBatchLink, leave_link
from airflow_provider_sam.tasks.failing import fails_as_it_should
from airflow_provider_sam.tasks.rows import check_one_input, row_requests_of
from airflow_provider_sam.tasks.submit import BaseSamSubmitOperator
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.rows.requests.recipe import Prompt
    from airflow_provider_sam.tasks.rows import RowRequests, Rows


class SamCreateBatchOperator(BaseSamSubmitOperator):
    """Creates one message batch and returns its id. Whatever breaks on the way, it is one batch.

    :param requests: the batch's requests: a list, an upstream task's output that holds one, or a callable that takes
        the task's context and gives them, one after the other if it likes. Each is a prompt, or a mapping with `params`
        and perhaps a `custom_id`; those without one get one that ends in their place, such as ``3f9a1c5b7d2e-1``, and
        begins with what no other submission has.
        Requests are data: nothing in them is rendered as a template, and they appear on no page of Airflow.
    :param rows: instead of `requests`: a table, of which each row becomes a request. A path (templated) to Parquet, CSV
        or JSONL: a file, a directory, or a pattern with ``*``; a `SqlRows` (templated); an upstream task's output; an
        object with Arrow's stream interface, such as a DataFrame; a list of mappings; or a callable that takes the
        task's context and returns one of these. The attribute `rows` of this operator is what
        `SamBatchToObjectStorageOperator` takes to put the answers beside the rows.
    :param id_column: the column of `rows`, or the columns, whose value names a row. No two rows have the same.
    :param prompt: the user's message for a row, with columns as placeholders: ``"Positive or negative? {review}"``.
        ``{{`` is a brace. Or a function that takes a row as a dictionary and returns its prompt, or its parameters.
    :param messages: the conversation as the API takes it, with columns as placeholders, instead of `prompt`.
    :param output_type: what an answer to a row is: a pydantic model, dataclass, TypedDict, Literal or another type that
        pydantic knows, or a JSON schema. The request asks for it. Default: text.
    :param dedupe: ask what several rows ask once, and give each of them the answer. Default: no.
    :param reuse: the path of earlier publications of these rows, or a list (templated): rows whose id and request were
        answered there are not sent again. What is not there yet counts as empty, so it may be the target itself.
    :param storage_conn_id: the connection of the object storage for `rows`, `reuse` and `only_failed_of` (templated).
        Default: the one in the path, if any.
    :param defaults: parameters such as `model`, `max_tokens` or `system` for the requests that lack them: a mapping, an
        upstream task's output, or a callable that takes the task's context. Data: never rendered as a template.
        Requests that get no model from here either have that of the connection.
    :param overrides: parameters that the requests get in place of their own, such as a higher `max_tokens` for a later
        round: a mapping, or whatever `defaults` may be. Data. The `custom_id` stays, that of a row too.
    :param only_failed_of: the manifest of an earlier publication of these requests' results, or its path (templated):
        only what failed there for no reason of its own is sent, under the same `custom_id`; if that is nothing, the
        task is skipped. What comes from upstream must be a manifest. Default: send all.
    :param treat_stop_reasons_as_failed: succeeded results with one of these stop reasons, such as `max_tokens`, count
        as failed for `only_failed_of`, and are not reused.
    :param max_requests: fail, before anything is sent, if there are more requests (templated).
    :param max_input_tokens: fail, before anything is sent, if there are more input tokens than this, estimated from a
        sample by the API's free count (templated).
    :param token_samples: from how many requests the tokens are estimated. Default: 20.
    :param dry_run: check everything, create nothing, and return what would be sent: `requests`, `batches`, `bytes` and
        estimated `input_tokens`; with `rows` also `rows`, `reused` and `duplicates`. Default: no.
    :param on_empty: whether a task without requests fails (the default) or is skipped: `fail` or `skip`.
    :param adopt_batch_id: a batch to take for this task's own instead of creating one, such as after an error that
        names two (templated). It must have as many requests; empty means none.
    :param resubmit: create another batch when the task is cleared. By default a cleared task returns the batch that it
        created before. A retry never creates another one.
    :param visibility_timeout: seconds to wait for a batch to show up, after a create without an answer, before it is
        taken for not created. Large batches get a second more for each megabyte. Default: 60.
    :param prove_within: seconds after its creation within which a batch that may be this task's must have ended, so
        that its results prove whose it is; then the task fails. Default: an hour after the batch's own expiry.
    :param deferrable: whether the task leaves its worker for the triggerer while such a batch runs. If not, it keeps
        its worker and looks every minute. Default: yes.
    :param state_path: object storage URI under which submissions are remembered (templated). Default: the connection's,
        else Airflow itself: the task state store from Airflow 3.3 on, and variables.
    :param betas: names of beta features for the whole batch (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    Everything is checked before anything is sent: the form and uniqueness of each `custom_id`, the parameters that
    every message needs, the number of requests and the size of the body.

    :raises SamRequestError: requests are not what the API takes; the first few are named, and nothing was sent.
    :raises SamBudgetError: there are more requests or tokens than allowed; nothing was sent.
    :raises SamSubmissionError: it cannot be said which batch is this task's; the message names those in question.
    :raises SamStateError: what is remembered cannot be read; nothing was sent.
    """

    template_fields = ("requests", "rows", "defaults", *BaseSamSubmitOperator.template_fields)

    def __init__(
        self,
        *,
        requests: Iterable[Mapping[str, Any] | str]
        | XComArg
        | Callable[[Context], Iterable[Mapping[str, Any] | str]]
        | None = None,
        rows: Rows | RowRequests | Any = None,
        id_column: str | Sequence[str] | None = None,
        prompt: Prompt | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        output_type: Any = None,
        dedupe: bool = False,
        reuse: str | ObjectStoragePath | Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        storage_conn_id: str | None = None,
        defaults: Mapping[str, Any] | XComArg | Callable[[Context], Mapping[str, Any]] | None = None,
        overrides: Mapping[str, Any] | XComArg | Callable[[Context], Mapping[str, Any]] | None = None,
        only_failed_of: Mapping[str, Any] | str | ObjectStoragePath | XComArg | None = None,
        treat_stop_reasons_as_failed: Sequence[str] = (),
        max_requests: int | str | None = None,
        max_input_tokens: int | str | None = None,
        token_samples: int = 20,
        dry_run: bool = False,
        on_empty: Literal["fail", "skip"] = "fail",
        adopt_batch_id: str | None = None,
        resubmit: bool = False,
        visibility_timeout: float = 60.0,
        prove_within: float | None = None,
        deferrable: bool = True,
        state_path: str | ObjectStoragePath | None = None,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = Verbatim(requests)
        self.rows = row_requests_of(
            rows,
            id_column=id_column,
            prompt=prompt,
            messages=messages,
            defaults=defaults,
            output_type=output_type,
            dedupe=dedupe,
            reuse=reuse,
            storage_conn_id=storage_conn_id,
        )
        check_one_input("requests", requests, self.rows)
        self.storage_conn_id = storage_conn_id
        self.defaults = Verbatim(defaults)
        self.overrides = Verbatim(overrides)
        self.only_failed_of = only_failed_of
        self._is_later_round = only_failed_of is not None  # whatever it holds when the task runs
        self.treat_stop_reasons_as_failed = treat_stop_reasons_as_failed
        self.max_requests = max_requests
        self.max_input_tokens = max_input_tokens
        self.token_samples = token_samples
        self.is_dry_run = dry_run  # `dry_run` is a method of Airflow's
        self.on_empty = on_empty
        self.adopt_batch_id = adopt_batch_id
        self.resubmit = resubmit
        self.visibility_timeout = visibility_timeout
        self.prove_within = prove_within
        self.deferrable = deferrable
        self.state_path = state_path
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    @fails_as_it_should
    def execute(self, context: Context) -> str | list[str] | dict[str, int]:
        """Create the batch, or find the one that an earlier try has created, and give its id."""
        from airflow_provider_sam.batches.submit.sources import entries_of

        if self.rows is not None:
            found = self._submit_rows(context, self.rows, one_batch=True)
        else:
            requests, defaults = self.requests.read(context), self.defaults.read(context)
            found = self._submit(context, lambda _limits: entries_of(requests), defaults=defaults, one_batch=True)
        return found[0] if isinstance(found, list) and found else found


class BaseSamBatchOperator(BaseOperator):
    """What the operators share that do one thing to one batch.

    :param batch_id: the batch (templated).
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.
    """

    template_fields = ("batch_id", "betas", "sam_conn_id")
    operator_extra_links = (SamBatchLink(),)
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

    def client(self, context: Context) -> SamClient:
        """Return a new client, which the caller closes, and leave the link, also for a task that then fails.

        :raises SamRequestError: `batch_id` is no id.
        """
        from airflow_provider_sam.batches.ids import batch_ids
        from airflow_provider_sam.hooks.sam import SamHook

        hook = SamHook(self.sam_conn_id)
        leave_link(context, hook.config.console_url, batch_ids(self.batch_id))
        return hook.client


class SamCancelBatchOperator(BaseSamBatchOperator):
    """Asks the API to cancel a batch and returns the batch's `processing_status`.

    What has already run keeps its result and is billed. The batch is `canceling` until it has ended; a sensor waits
    for that. Canceling a batch twice does no harm. Takes what `BaseSamBatchOperator` takes.
    """

    @fails_as_it_should
    def execute(self, context: Context) -> str:
        """Ask for the cancellation and give the status that the API answers."""
        with self.client(context) as client:
            batch = client.cancel_batch(self.batch_id, betas=self.betas)
        self.log.info("Asked to cancel batch %s; it is %s", batch.id, batch.processing_status)
        return batch.processing_status


class SamDeleteBatchOperator(BaseSamBatchOperator):
    """Deletes a batch that has ended, with its results, and returns its id. A deleted batch cannot be brought back.

    Takes what `BaseSamBatchOperator` takes.

    :raises SamStatusError: the batch is not there, or has not ended yet (400 or 409); wait for it first.
    """

    @fails_as_it_should
    def execute(self, context: Context) -> str:
        """Delete the batch and give its id."""
        with self.client(context) as client:
            deleted = client.delete_batch(self.batch_id, betas=self.betas)
        self.log.info("Deleted batch %s", deleted.id)
        return deleted.id

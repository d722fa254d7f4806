"""Moves requests from object storage into message batches, as many as the limits ask for, each created once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.tasks.failing import fails_as_it_should
from airflow_provider_sam.tasks.rows import check_one_input, row_requests_of
from airflow_provider_sam.tasks.submit import BaseSamSubmitOperator
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.rows.requests.recipe import Prompt
    from airflow_provider_sam.tasks.rows import RowRequests, Rows


class ObjectStorageToSamBatchOperator(BaseSamSubmitOperator):
    """Submits the requests of JSONL files as message batches, and returns the list of their ids.

    The input is read once, checked as a whole and laid down in temporary files, of its size and 64 bytes a request,
    before anything is sent; memory grows by about 50 bytes a request. Batches are filled to the limits of number and
    bytes and created one after the other. Which requests make which batch depends on their custom_ids and not on their
    order. Each batch is remembered, so that a retry creates only the missing ones.

    With `only_failed_of` it sends a second round: of the same input, the requests that failed in the first one for no
    reason of their own. They expired, were canceled, or errored in a way that another try may be spared. Requests keep
    their `custom_id`, so that `carry_over` of `SamBatchToObjectStorageOperator` makes one file of both rounds. If there
    are none, the task is skipped.

    :param path: a URI of any scheme that Airflow's object storage knows (templated): a JSONL file, a directory, or a
        pattern with ``*`` in its last part. Files that end in ``.gz`` and ``.zst`` are decompressed (``.zst`` needs
        ``airflow-provider-sam[zstd]``); several files are read by their names. A line is a prompt (a JSON string), or
        an object with `params` and perhaps a `custom_id`; those without one get one that ends in their place in the
        whole input, such as ``3f9a1c5b7d2e-1``, and begins with what no other submission has.
    :param rows: instead of `path`: a table, of which each row becomes a request. A path (templated) to Parquet, CSV
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
    :param storage_conn_id: the connection of the object storage (templated). Default: the one in `path`, if any. For a
        manifest and its files it is the one where their paths name none.
    :param defaults: parameters such as `model`, `max_tokens` or `system` for the requests that lack them: a mapping, an
        upstream task's output, or a callable that takes the task's context. Data: never rendered as a template.
        Requests that get no model from here either have that of the connection.
    :param overrides: parameters that the requests get in place of their own, such as a higher `max_tokens` for a later
        round: a mapping, or whatever `defaults` may be. Data. The `custom_id` stays, that of a row too.
    :param only_failed_of: the manifest of an earlier publication of this input's results, or its path (templated). What
        comes from upstream must be one: nothing there is an error, and never means that all is sent. Default: send all.
    :param treat_stop_reasons_as_failed: succeeded results with one of these stop reasons, such as `max_tokens`, count
        as failed for `only_failed_of`, and are not reused.
    :param max_requests: fail, before anything is sent, if there are more requests to send (templated).
    :param max_input_tokens: fail, before anything is sent, if there are more input tokens than this, estimated from a
        sample by the API's free count (templated).
    :param token_samples: from how many requests the tokens are estimated. Default: 20.
    :param dry_run: check everything, create nothing, and return what would be sent: `requests`, `batches`, `bytes` and
        estimated `input_tokens`; with `rows` also `rows`, `reused` and `duplicates`. Default: no.
    :param on_empty: whether a task whose input has no requests fails (the default) or is skipped: `fail` or `skip`.
    :param adopt_batch_id: batches to take for this task's own instead of creating them, such as after an error that
        names two: an id or a list (templated). Each stands for the first missing batch of its size; empty means none.
    :param resubmit: create other batches when the task is cleared. By default a cleared task returns the batches that
        it created before. A retry never creates another one.
    :param visibility_timeout: seconds to wait for a batch to show up, after a create without an answer, before it is
        taken for not created. Large batches get a second more for each megabyte. Default: 60.
    :param prove_within: seconds after its creation within which a batch that may be this task's must have ended, so
        that its results prove whose it is; then the task fails. Default: an hour after the batch's own expiry.
    :param deferrable: whether the task leaves its worker for the triggerer while such a batch runs. If not, it keeps
        its worker and looks every minute. Default: yes.
    :param state_path: object storage URI under which submissions are remembered (templated). Default: the connection's,
        else Airflow itself: the task state store from Airflow 3.3 on, and variables.
    :param betas: names of beta features for all batches (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection of the API (templated). Default: `sam_default`.

    :raises SamRequestError: the input is not what the API takes, or lacks requests that `only_failed_of` names; the
        first few are named, and nothing was sent.
    :raises SamResultsError: a file of `only_failed_of` is not the one that was published; nothing was sent.
    :raises SamBudgetError: there are more requests or tokens than allowed; nothing was sent.
    :raises SamSubmissionError: it cannot be said which batch is this task's; the message names those in question.
    :raises SamStateError: what is remembered cannot be read; nothing was sent.
    """

    template_fields = (
        *("path", "rows", "defaults"),
        *BaseSamSubmitOperator.template_fields,
    )

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath | XComArg | None = None,
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
        adopt_batch_id: str | Sequence[str] | None = None,
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
        self.path: Any = path
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
        check_one_input("path", path, self.rows)
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
    def execute(self, context: Context) -> list[str] | dict[str, int]:
        """Create the batches, or find those that an earlier try has created, and give their ids."""
        from airflow_provider_sam.batches.paths import storage_path
        from airflow_provider_sam.batches.submit.sources import blocks_at

        if self.rows is not None:
            return self._submit_rows(context, self.rows)
        path = storage_path(self.path, self.storage_conn_id)
        return self._submit(
            context,
            lambda limits: blocks_at(path, longest=limits.max_batch_bytes),
            defaults=self.defaults.read(context),
        )

"""Moves the results of message batches to object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import Asset, BaseOperator, add_lineage
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.links.batch import SamBatchLink, leave_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.batches.land.publish import Publication
    from airflow_provider_sam.batches.manifest_types import Manifest
    from airflow_provider_sam.batches.store.claims import Register
    from airflow_provider_sam.hooks.sam import SamHook
    from airflow_provider_sam.rows.table import RowTable
    from airflow_provider_sam.tasks.rows import RowRequests


class SamBatchToObjectStorageOperator(BaseOperator):
    """Lands the results of ended batches on object storage, and returns a manifest.

    Nothing is visible at the destination until every line was read, every `custom_id` stands once, and the number of
    results of each kind equals what the API itself says about the batch. A download that breaks goes on where it was.
    Memory does not grow with the size of the results.

    With `rows` what lands is a table: one row for each that was submitted, in their order, with the answer beside it.

    :param batch_id: the batch, or a list of batches (templated). With `carry_over` or `rows`, none at all is fine too:
        None or an empty list, as a second round that was skipped leaves it, or a submission that had nothing to send.
        Then everything is carried over, or was answered earlier.
    :param path: where the results go, as a URI of any scheme that Airflow's object storage knows (templated). One that
        ends with a slash is a directory and gets a file `<batch_id>.jsonl` for each batch, a few at a time; any other
        is a file for one batch, or with `carry_over` or `rows` for several. A name that ends with `.gz` or `.zst`
        (extra `zstd`) is compressed so.
    :param storage_conn_id: the connection of the object storage (templated). Default: the one in `path`, if any.
    :param format: `jsonl`, the bytes as the API sent them; or `parquet` (extra `parquet`), with the columns
        `batches.parquet.COLUMNS`, the whole line among them. With `rows` it is `parquet` or `csv` (extra `parquet`
        for both). Default: by the suffix of `path`, and `jsonl` where that says nothing. A suffix that contradicts it
        is an error.
    :param rows: the rows that were submitted, to put the answers beside them: the attribute `rows` of the operator that
        has submitted them. They are read again. The columns of the table are those in `columns`, one for each property
        of the answers' `output_type`, and `custom_id`, `outcome`, `error`, `text` (the answer as it came),
        `stop_reason`, `model` and the tokens. An answer that is not of its type has the outcome `invalid_output` and
        counts as failed. Default: no table.
    :param columns: the columns of the rows that the table has too: a list, or a mapping from their names in the rows to
        those in the table (templated). Default: those of the rows' ids.
    :param on_unanswered: what to do about rows that have no answer, as when they have changed since they were sent:
        `error` (the default), or `keep` them with the outcome `unanswered`, which counts as failed.
    :param keep_raw: where to keep the results as the API sent them as well, as JSONL beside the table (templated).
    :param overwrite: what to do about what lies at the destination. `skip-if-complete` (default): a manifest that says
        that just this was published, with its files in place, is returned at once, so that a retry is free; anything
        else is replaced. A table is the same if its batches are; what has changed in the rows since does not count.
        `replace`: land anew. `error`: fail.
    :param carry_over: the manifest of an earlier publication, or its path (templated): its results whose `custom_id`
        these batches do not answer are added, so that one file holds each `custom_id` once. Needs a file of its
        own as `path`. What comes from upstream must be a manifest; nothing there is an error.
    :param fail_on_partial_error: fail when a single result is not `succeeded`. Default: False.
    :param max_failed_ratio: fail when a larger part of the results, from 0 to 1, is not `succeeded`. Default: any part.
    :param treat_stop_reasons_as_failed: succeeded results with one of these stop reasons, such as `max_tokens`, count
        as failed for the two above.
    :param delete_after_publish: delete the batches at the API, once the manifest is written, the results are not judged
        as failed, and the files, read once more, have the hashes of the manifest. Default: False.
    :param state_path: where the submitting task remembers, if it names a `state_path` of its own (templated). Where its
        record can be reached, the custom_ids of the results are held against those submitted. Default: the
        connection's, else Airflow's own memory.
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection of the API (templated). Default: `sam_default`.

    The manifest is what the task returns, and lies at `<path>.manifest.json`, written last; `batches.manifest`
    documents it. Results never pass through XCom: read them with `results.iter_published` and `results.read_texts`.
    Assets among the task's `outlets` get the counts as metadata of their events.

    :raises SamResultsError: a batch has not ended or is archived; its results disagree with its counts, twice, or are
        those of other requests than were submitted; or something lies at the destination and `overwrite` is `error`.
        Nothing has appeared.
    :raises SamBatchFailedError: the results are landed, and too many of them are failed. Not retried.
    :raises SamRequestError: arguments contradict each other.
    """

    template_fields = (
        *("batch_id", "path", "storage_conn_id", "rows", "columns", "keep_raw", "carry_over"),
        *("state_path", "betas", "sam_conn_id"),
    )
    operator_extra_links = (SamBatchLink(),)
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str] | XComArg,
        path: str | ObjectStoragePath | XComArg,
        storage_conn_id: str | None = None,
        format: Literal["jsonl", "parquet", "csv"] | None = None,  # noqa: A002 - what it is called everywhere
        rows: RowRequests | None = None,
        columns: Sequence[str] | Mapping[str, str] | XComArg | None = None,
        on_unanswered: Literal["error", "keep"] = "error",
        keep_raw: str | ObjectStoragePath | XComArg | None = None,
        overwrite: Literal["error", "replace", "skip-if-complete"] = "skip-if-complete",
        carry_over: Mapping[str, Any] | str | ObjectStoragePath | XComArg | None = None,
        fail_on_partial_error: bool = False,
        max_failed_ratio: float | None = None,
        treat_stop_reasons_as_failed: Sequence[str] = (),
        delete_after_publish: bool = False,
        state_path: str | ObjectStoragePath | None = None,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.path: Any = path
        self.storage_conn_id = storage_conn_id
        self.format = format
        self.rows = rows
        self.columns: Any = columns
        self.on_unanswered = on_unanswered
        self.keep_raw: Any = keep_raw
        self.overwrite = overwrite
        self.carry_over: Any = carry_over
        self._carries_over = carry_over is not None  # whatever it holds when the task runs
        self.fail_on_partial_error = fail_on_partial_error
        self.max_failed_ratio = max_failed_ratio
        self.treat_stop_reasons_as_failed = treat_stop_reasons_as_failed
        self.delete_after_publish = delete_after_publish
        self.state_path = state_path
        self.betas = betas
        self.sam_conn_id = sam_conn_id
        self._lineage: tuple[list[str], list[str]] = ([], [])

    def execute(self, context: Context) -> Manifest:
        """Land the results, judge them, and give the manifest."""
        from airflow_provider_sam.batches.land.deleting import delete_published
        from airflow_provider_sam.batches.land.policy import ResultsPolicy
        from airflow_provider_sam.batches.land.publish import publish
        from airflow_provider_sam.exceptions import SamBatchFailedError
        from airflow_provider_sam.hooks.sam import SamHook

        policy = ResultsPolicy(
            fail_on_partial_error=self.fail_on_partial_error,
            max_failed_ratio=self.max_failed_ratio,
            treat_stop_reasons_as_failed=self.treat_stop_reasons_as_failed,
        )
        hook = SamHook(self.sam_conn_id)
        publication = self._publication(self._register(context, hook), self._table(context, hook))
        leave_link(context, hook.config.console_url, publication.batch_ids)
        with hook.client as client:
            manifest = publish(client, publication, log=self.log)
            self._tell_lineage(manifest, client.settings.base_url, context)
            if reason := policy.failure_reason(manifest["total"]):
                raise SamBatchFailedError(f"{reason}. All results are at {publication.path}")
            if self.delete_after_publish:
                delete_published(client, manifest, betas=self.betas, log=self.log)
        return manifest

    def _register(self, context: Context, hook: SamHook) -> Register | None:
        from airflow_provider_sam.batches.store.store import register_for

        if "ti" not in context:  # no task runs, so there is none whose submission could be looked up
            return None
        return register_for(context, self.state_path or hook.config.state_path, log=self.log)

    def _table(self, context: Context, hook: SamHook) -> RowTable | None:
        from functools import partial

        from airflow_provider_sam.batches.land.earlier import earlier_lines
        from airflow_provider_sam.rows.table import RowTable

        if self.rows is None:
            return None
        bound = self.rows.bind(context, model=hook.get_default_model())
        return RowTable(
            rows=bound,
            columns=self.columns,
            on_unanswered=self.on_unanswered,
            reused=partial(earlier_lines, bound.reuse, conn_id=bound.storage_conn_id, log=self.log),
        )

    def _publication(self, register: Register | None, table: RowTable | None) -> Publication:
        from airflow_provider_sam.batches.ids import batch_ids
        from airflow_provider_sam.batches.land.carry_over import CarryOver
        from airflow_provider_sam.batches.land.encoders import format_of
        from airflow_provider_sam.batches.land.manifest import read_manifest
        from airflow_provider_sam.batches.land.publish import Publication
        from airflow_provider_sam.batches.paths import destination

        carry_over = None
        if self._carries_over:
            manifest = read_manifest(self.carry_over, conn_id=self.storage_conn_id, what="carry_over")
            carry_over = CarryOver(manifest, conn_id=self.storage_conn_id)
        path = destination(self.path, self.storage_conn_id)
        is_directory = str(self.path).endswith("/")  # of the argument: a path object forgets its last slash
        return Publication(
            batch_ids=batch_ids(self.batch_id, may_be_none=self._carries_over or table is not None),
            path=path,
            is_directory=is_directory,
            format=format_of("" if is_directory else path.name, self.format),
            overwrite=self.overwrite,
            carry_over=carry_over,
            table=table,
            keep_raw=destination(self.keep_raw, self.storage_conn_id, what="keep_raw") if self.keep_raw else None,
            register=register,
            betas=self.betas,
        )

    def _tell_lineage(self, manifest: Manifest, base_url: str, context: Context) -> None:
        from airflow_provider_sam.batches.lineage import event_extra, inputs_of, outputs_of

        self._lineage = (list(inputs_of(manifest, base_url)), list(outputs_of(manifest)))
        add_lineage(self, *self._lineage)
        for outlet in self.outlets or ():
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update(event_extra(manifest))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - OpenLineage's signature
        """Return what was read and written; called by the OpenLineage provider, where that is installed."""
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset

        from airflow_provider_sam.batches.lineage import dataset_name

        inputs, outputs = ([Dataset(*dataset_name(uri)) for uri in uris] for uris in self._lineage)
        return OperatorLineage(inputs=inputs, outputs=outputs)

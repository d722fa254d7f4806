"""Moves requests from object storage into message batches, as many as the limits ask for, each created once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import AirflowSkipException, BaseOperator, object_storage_path
from airflow_provider_sam.connection import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.intake import SubmitRun


class ObjectStorageToSamBatchOperator(BaseOperator):
    """Submits the requests of JSONL files as message batches, and returns the list of their ids, in order.

    The input is read once, checked as a whole and laid down in a temporary file of its size, before anything is sent;
    memory grows by about 150 bytes a request, for its custom_id. Batches are filled to the limits of number and bytes
    and created one after the other. Each is remembered, so that a retry creates only the missing ones.

    :param path: a URI of any scheme that Airflow's object storage knows (templated): a JSONL file, a directory, or a
        pattern with ``*`` in its last part. Files that end in ``.gz`` and ``.zst`` are decompressed (``.zst`` needs
        ``airflow-provider-sam[zstd]``); several files are read by their names. A line is a prompt (a JSON string), or
        an object with `params` and perhaps a `custom_id`; those without one are called ``request-1``, ``request-2`` and
        so on, by their place in the whole input.
    :param storage_conn_id: the connection of the object storage (templated). Default: the one in `path`, if any.
    :param defaults: parameters such as `model`, `max_tokens` or `system` for the requests that lack them. Data: never
        rendered as a template.
    :param max_requests: fail, before anything is sent, if there are more requests (templated).
    :param max_input_tokens: fail, before anything is sent, if there are more input tokens than this, estimated from a
        sample by the API's free count (templated).
    :param token_samples: from how many requests the tokens are estimated. Default: 20.
    :param on_empty: whether a task without requests fails (the default) or is skipped: `fail` or `skip`.
    :param adopt_batch_id: batches to take for this task's own instead of creating them, such as after an error that
        names two: an id or a list (templated). Each stands for the first missing batch of its size; empty means none.
    :param resubmit: create other batches when the task is cleared. By default a cleared task returns the batches that
        it created before. A retry never creates another one.
    :param visibility_timeout: seconds to wait for a batch to show up, after a create without an answer, before it is
        taken for not created. Large batches get a second more for each megabyte. Default: 60.
    :param state_path: object storage URI under which submissions are remembered (templated). Default: the connection's,
        else Airflow's task state store, which Airflow has from 3.3 on.
    :param betas: names of beta features for all batches (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection of the API (templated). Default: `sam_default`.

    :raises SamRequestError: the input is not what the API takes; the first few lines are named, and nothing was sent.
    :raises SamBudgetError: there are more requests or tokens than allowed; nothing was sent.
    :raises SamSubmissionError: it cannot be said which batch is this task's; the message names those in question.
    :raises SamStateError: what is remembered cannot be read; nothing was sent.
    """

    template_fields = (
        "path",
        "storage_conn_id",
        "max_requests",
        "max_input_tokens",
        "adopt_batch_id",
        "state_path",
        "betas",
        "sam_conn_id",
    )
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        path: str | ObjectStoragePath | XComArg,
        storage_conn_id: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        max_requests: int | str | None = None,
        max_input_tokens: int | str | None = None,
        token_samples: int = 20,
        on_empty: Literal["fail", "skip"] = "fail",
        adopt_batch_id: str | Sequence[str] | None = None,
        resubmit: bool = False,
        visibility_timeout: float = 60.0,
        state_path: str | ObjectStoragePath | None = None,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path: Any = path
        self.storage_conn_id = storage_conn_id
        self.defaults = defaults
        self.max_requests = max_requests
        self.max_input_tokens = max_input_tokens
        self.token_samples = token_samples
        self.on_empty = on_empty
        self.adopt_batch_id = adopt_batch_id
        self.resubmit = resubmit
        self.visibility_timeout = visibility_timeout
        self.state_path = state_path
        self.betas = betas
        self.sam_conn_id = sam_conn_id
        self._run: SubmitRun | None = None

    def execute(self, context: Context) -> list[str]:
        """Create the batches, or find those that an earlier try has created, and give their ids."""
        from airflow_provider_sam.batches.sources import blocks_at
        from airflow_provider_sam.hooks.sam import SamHook

        path = object_storage_path(self.path, self.storage_conn_id)
        hook = SamHook(self.sam_conn_id)
        with hook.client as client:
            self._run = self._prepare(context, client, self.state_path or hook.config.state_path)
            ids = self._run.submit(blocks_at(path))
        if not ids:
            raise AirflowSkipException(f"There are no requests at {path}.")
        return ids

    def _prepare(self, context: Context, client: SamClient, state_path: str | ObjectStoragePath | None) -> SubmitRun:
        from airflow_provider_sam.batches.intake import SubmitRun, Terms, ids_to_adopt, whole_number
        from airflow_provider_sam.batches.remembering import Wishes
        from airflow_provider_sam.batches.state import memory_for

        terms = Terms(
            defaults=self.defaults,
            max_requests=whole_number("max_requests", self.max_requests),
            max_input_tokens=whole_number("max_input_tokens", self.max_input_tokens),
            token_samples=self.token_samples,
            on_empty=self.on_empty,
        )
        wishes = Wishes(
            round=context["ti"].max_tries,
            betas=self.betas,
            adopt=ids_to_adopt(self.adopt_batch_id),
            resubmit=self.resubmit,
            patience=self.visibility_timeout,
        )
        return SubmitRun(client, memory_for(context, state_path, log=self.log), wishes, terms, log=self.log)

    def on_kill(self) -> None:
        """Stop before the last byte is sent; what may have been created is remembered for the next try."""
        if self._run is not None:
            self._run.stop()

"""Moves the results of message batches to object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseOperator, ObjectStoragePath
from airflow_provider_sam.connection import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam._compat import Context, XComArg


class SamBatchToObjectStorageOperator(BaseOperator):
    """Lands the results of ended batches as JSONL, byte for byte, and returns a manifest.

    Nothing is visible at the destination until every line was read and the number of results of each kind equals what
    the API itself says about the batch. Memory does not grow with the size of the results.

    :param batch_id: the batch, or a list of batches (templated).
    :param path: where the results go, as a URI of any scheme that Airflow's object storage knows (templated). One that
        ends with a slash is a directory and gets a file `<batch_id>.jsonl` for each batch; any other is a file for one
        batch. What is there is replaced.
    :param storage_conn_id: the connection of the object storage (templated). Default: the one in `path`, if any.
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection of the API (templated). Default: `sam_default`.

    The manifest is what the task returns, and lies at `<path>.manifest.json`: counts, bytes and SHA-256 of each file,
    stop reasons, tokens for each model, the most frequent errors. Results never pass through XCom.

    :raises SamResultsError: a batch has not ended or is archived, or its results disagree with its counts.
    """

    template_fields = ("batch_id", "path", "storage_conn_id", "betas", "sam_conn_id")
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str] | XComArg,
        path: str | ObjectStoragePath | XComArg,
        storage_conn_id: str | None = None,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.path: Any = path
        self.storage_conn_id = storage_conn_id
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Land the results and give the manifest."""
        from airflow_provider_sam.batches.ids import batch_ids
        from airflow_provider_sam.batches.publishing import publish
        from airflow_provider_sam.hooks.sam import SamHook

        ids = batch_ids(self.batch_id)
        directory = str(self.path).endswith("/")
        path = ObjectStoragePath(self.path, conn_id=self.storage_conn_id)
        with SamHook(self.sam_conn_id).client as client:
            return publish(client, ids, path, directory=directory, betas=self.betas, log=self.log)

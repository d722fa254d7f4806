"""What `@task.llm_batch(model_id="sam:...")` of the provider common.ai calls: the Sam API, in that provider's terms.

The provider finds it by the entry point group ``airflow.providers.common.ai.batch_adapters``, and makes it of a
connection's password and host alone: the extras of a connection, such as `proxy`, are not known here.

It records what it is about to submit, and asks `find_orphaned_batch` where an earlier try has left no id. The
custom_ids bear the key of the task and the fingerprint of its input, so that a batch's results prove whose it is.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.ai.batch.base import BatchAdapter, BatchState, SubmitResult
from airflow.providers.common.ai.exceptions import LLMBatchInputError

from airflow_provider_sam._compat import AirflowFailException
from airflow_provider_sam.api.bodies import RequestsBody
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamAmbiguousSubmitError, SamError, SamNotFoundError, SamRequestError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.submit.decisions import pause
from airflow_provider_sam.batches.summary import BatchSummary
from airflow_provider_sam.common_ai.orphans import custom_ids_of, find_orphan
from airflow_provider_sam.common_ai.results import answer_of, verified_results
from airflow_provider_sam.exceptions import SamSubmissionError
from airflow_provider_sam.tasks.failing import end_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_sam.api.models import MessageBatch

__all__ = ["SamBatchAdapter", "SamBatchInputError"]

log = logging.getLogger(__name__)


class SamBatchInputError(SamRequestError, LLMBatchInputError, AirflowFailException):  # type: ignore[misc]
    """The requests are not what the API takes. Nothing was sent; the task fails without retries."""


class SamBatchAdapter(BatchAdapter):  # type: ignore[misc]
    """The Sam API as a batch provider of `@task.llm_batch`.

    :param api_key: the connection's password.
    :param base_url: the connection's host.
    :param client: takes the place of the client that the two would make.
    """

    name = "sam"
    conn_types = frozenset({"sam"})
    max_requests = Limits.max_batch_requests
    max_payload_bytes = Limits.max_batch_bytes
    allows_per_request_model = True

    visibility_timeout: ClassVar[float] = 60.0
    """Seconds for which a batch may be invisible: after its creation, or for a moment later."""

    def __init__(
        self, *, api_key: str | None = None, base_url: str | None = None, client: SamClient | None = None
    ) -> None:
        if client is None:
            client = SamClient(ClientSettings(base_url=base_url or "", api_key=api_key or ""))
        super().__init__(client=client)
        self._client: SamClient = client
        self._closed = threading.Event()
        self._size: int | None = None

    def validate_requests(
        self,
        requests: Sequence[Mapping[str, Any]],
        *,
        model: str,
        output_spec: Any,
        idempotency_key: str,
        **shared: Any,
    ) -> None:
        """Check everything that can be checked before anything is sent.

        :raises SamBatchInputError: a request, their number or their size is not what the API takes.
        """
        built = self._built(requests, model, output_spec, custom_ids_of(idempotency_key, ""), shared)
        try:
            RequestsBody(built, self._client.settings.limits)
        except SamRequestError as problem:
            text = f"{problem.message}. Where there is too much for one batch, divide it by .expand()"
            raise SamBatchInputError(text) from problem
        self._size = len(requests)

    def submit(
        self,
        requests: Sequence[Mapping[str, Any]],
        *,
        model: str,
        idempotency_key: str,
        input_fingerprint: str,
        output_spec: Any,
        **shared: Any,
    ) -> SubmitResult:
        """Create the batch.

        :raises SamSubmissionError: whether it was created is not known; the next try looks for it.
        """
        prefix = custom_ids_of(idempotency_key, input_fingerprint)
        try:
            batch = self._client.create_batch(list(self._built(requests, model, output_spec, prefix, shared)))
        except SamAmbiguousSubmitError as problem:
            raise SamSubmissionError(
                f"{problem.message}. The next try looks for it before it sends anything"
            ) from problem
        except SamError as problem:
            _fail(problem)
        return SubmitResult(batch_id=batch.id, provider_input_ref=None)

    def _built(
        self, requests: Sequence[Mapping[str, Any]], model: str, spec: Any, prefix: str, shared: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        directive = self.build_output_directive(spec)
        for index, request in enumerate(requests):
            params = {
                **(shared.get("request_params") or {}),
                **(request.get("params") or {}),
                "model": self.resolve_request_model(
                    request.get("model"), default_bare_model=model, request_index=index
                ),
                "max_tokens": request.get("max_tokens") or shared.get("max_tokens", 1024),
                "messages": [{"role": "user", "content": request["prompt"]}],
                **directive,
            }
            if system := request.get("system_prompt") or shared.get("system_prompt"):
                params["system"] = system
            yield {"custom_id": f"{prefix}{index}", "params": params}

    def find_orphaned_batch(self, idempotency_key: str, input_fingerprint: str, not_before: str) -> str | None:
        """Return the batch of an earlier try whose id was lost, once its results prove that it is that one.

        :raises SamSubmissionError: a batch may be it, and tells only when it has ended.
        """
        if self._size is None:
            raise SamSubmissionError("how many requests the lost batch has is known only once they were validated")
        return find_orphan(
            self._client,
            custom_ids_of(idempotency_key, input_fingerprint),
            requests=self._size,
            not_before=not_before,
            visibility_timeout=self.visibility_timeout,
            sleep=self._sleep,
            log=log,
        )

    def get_batch(self, batch_id: str) -> BatchState:
        """Return where a batch stands.

        :raises SamNotFoundError: it was not found for longer than that may last. The error has no `status_code`, by
            which the provider would take a batch for gone, and pay for another one.
        """
        batch = self._look_at(batch_id)
        counts = BatchSummary.of(batch).counts()
        counts["cancelled"] = counts.pop("canceled")
        counts.pop("processing", None)
        status = "completed" if batch.cancel_initiated_at is None else "cancelled"
        return BatchState(status=status if batch.is_terminal else "in_progress", counts=counts, error_message=None)

    def _look_at(self, batch_id: str) -> MessageBatch:
        looks, waited = 0, 0.0
        while True:
            try:
                return self._client.get_batch(batch_id)
            except SamNotFoundError:
                looks += 1
                seconds = pause(looks, self.visibility_timeout - waited)
                if seconds <= 0 or self._closed.is_set():
                    raise
                self._sleep(seconds)
                waited += seconds
            except SamError as problem:
                _fail(problem)

    def cancel_batch(self, batch_id: str) -> None:
        """Ask for the cancellation of a batch."""
        self._client.cancel_batch(batch_id)

    def iter_results(self, batch_id: str) -> Iterator[Any]:
        """Return the results, all of which have arrived and agree with the API's own counts.

        :raises SamResultsError: they do not; nothing is given.
        """
        return verified_results(self._client, self._look_at(batch_id), log=log)

    def build_output_directive(self, spec: Any) -> dict[str, Any]:
        """Return the parameters that make the model give its answer as the input of one tool."""
        if not spec.is_structured:
            return {}
        tool = {
            "name": spec.schema_name,
            "description": "Give the answer in this form.",
            "input_schema": spec.json_schema,
        }
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": spec.schema_name}}

    def extract_output(self, raw: Any, spec: Any) -> Any:
        """Return the answer: the tool's input where a form is asked for, otherwise the text."""
        return answer_of(raw.raw or [], tool=spec.schema_name if spec.is_structured else None)

    def close(self) -> None:
        """Close the connections, and end what still waits."""
        self._closed.set()
        self._client.close()

    def _sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)


def _fail(problem: SamError) -> NoReturn:
    if not problem.retryable:
        end_at_once(problem)
    raise problem

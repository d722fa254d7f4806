"""The API's answers, field for field as its contract names them.

Values that the API may extend without notice (`stop_reason`, `processing_status`, error types) are plain strings.
Moments are aware `pendulum.DateTime` values in UTC.
"""

from __future__ import annotations

import json
import logging
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, Tag

from airflow_provider_sam.api.base import UNKNOWN, ApiObject, UnknownType, by_type
from airflow_provider_sam.api.content import ContentBlock, TextBlock
from airflow_provider_sam.api.identity import trusted
from airflow_provider_sam.api.moments import Moment  # noqa: TC001 - pydantic reads it when the class is made

__all__ = [
    "ApiError",
    "BatchResult",
    "BatchResultLine",
    "CanceledResult",
    "Completion",
    "DeletedMessageBatch",
    "ErrorResponse",
    "ErroredResult",
    "ExpiredResult",
    "MalformedResultLine",
    "Message",
    "MessageBatch",
    "MessageBatchPage",
    "Model",
    "ModelPage",
    "Page",
    "RequestCounts",
    "SucceededResult",
    "TokenCount",
    "UnknownResult",
    "Usage",
]

_log = logging.getLogger(__name__)

EntryT = TypeVar("EntryT", bound=ApiObject)
_BatchId = Annotated[str, AfterValidator(trusted)]


class Usage(ApiObject):
    """Tokens that were counted and billed. A cache count that is absent or null means 0."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def total_input_tokens(self) -> int:
        """All input: fresh, written to the cache and read from it."""
        return self.input_tokens + (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)


class Message(ApiObject):
    """What the model answered."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[ContentBlock]
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Usage

    @property
    def text(self) -> str:
        """The text of all text blocks, joined; empty where the model wrote none."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


class TokenCount(ApiObject):
    """An estimate of what a message's input will count."""

    input_tokens: int


class Completion(ApiObject):
    """The answer of the legacy text completion."""

    id: str
    type: Literal["completion"]
    completion: str
    model: str
    stop_reason: str | None = None


class Model(ApiObject):
    """A model that the key may use."""

    id: str
    type: Literal["model"]
    display_name: str
    created_at: Moment


class RequestCounts(ApiObject):
    """How many requests of a batch are in which state; their sum is always the size of the batch."""

    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int

    @property
    def total(self) -> int:
        """The number of requests in the batch."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


class MessageBatch(ApiObject):
    """A batch of message requests, as it stands."""

    id: _BatchId
    type: Literal["message_batch"]
    processing_status: str
    request_counts: RequestCounts
    created_at: Moment
    expires_at: Moment
    ended_at: Moment | None = None
    archived_at: Moment | None = None
    cancel_initiated_at: Moment | None = None
    results_url: str | None = None
    """For reading only: it may name any host, so nothing here ever requests it."""

    @property
    def is_terminal(self) -> bool:
        """Whether every request has its outcome, so that nothing will change any more."""
        return self.processing_status == "ended"

    @property
    def total(self) -> int:
        """The number of requests in the batch."""
        return self.request_counts.total


class DeletedMessageBatch(ApiObject):
    """The word that a batch is deleted."""

    id: _BatchId
    type: Literal["message_batch_deleted"]


class Page(ApiObject, Generic[EntryT]):
    """Some entries of a list, newest first. `has_more` speaks of the direction that was asked for."""

    data: list[EntryT]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None


class MessageBatchPage(Page[MessageBatch]):
    """A page of batches. A batch that cannot be read is left out, with a warning: it concerns nobody else."""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the page from its JSON, entry by entry where it cannot be read at once.

        :raises ValueError: it is no page, or holds nothing that is a batch.
        """
        try:
            return super().read(data)
        except ValueError:
            page = _loosely(data)
            if page is None:
                raise
        readable = [entry for entry in page["data"] if _is_readable(entry)]
        left_out = len(page["data"]) - len(readable)
        if left_out and readable:
            _log.warning("Skipped %d of %d batches on a page because they cannot be read", left_out, len(page["data"]))
        return cls.made_of({**page, "data": readable or page["data"]})


def _loosely(data: bytes) -> dict[str, Any] | None:
    try:
        page = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return page if isinstance(page, dict) and isinstance(page.get("data"), list) else None


def _is_readable(entry: Any) -> bool:
    try:
        MessageBatch.made_of(entry)
    except ValueError:
        return False
    return True


class ModelPage(Page[Model]):
    """A page of models."""


class ApiError(ApiObject):
    """What went wrong with one request; `type` is an open list."""

    type: str
    message: str
    details: dict[str, Any] | None = None


class ErrorResponse(ApiObject):
    """An error as the API wraps it."""

    type: Literal["error"]
    error: ApiError
    request_id: str | None = None


class SucceededResult(ApiObject):
    """The request was answered."""

    type: Literal["succeeded"]
    message: Message


class ErroredResult(ApiObject):
    """The request was wrong, or the API failed at it."""

    type: Literal["errored"]
    error: ErrorResponse


class CanceledResult(ApiObject):
    """The batch was canceled before the request was sent to a model."""

    type: Literal["canceled"]


class ExpiredResult(ApiObject):
    """The batch expired before the request was sent to a model."""

    type: Literal["expired"]


class UnknownResult(UnknownType):
    """An outcome newer than we are."""


BatchResult = Annotated[
    Annotated[SucceededResult, Tag("succeeded")]
    | Annotated[ErroredResult, Tag("errored")]
    | Annotated[CanceledResult, Tag("canceled")]
    | Annotated[ExpiredResult, Tag("expired")]
    | Annotated[UnknownResult, Tag(UNKNOWN)],
    by_type("succeeded", "errored", "canceled", "expired"),
]


class BatchResultLine(ApiObject):
    """One line of a batch's results; `custom_id` says which request it answers."""

    custom_id: str
    result: BatchResult


class MalformedResultLine(BatchResultLine):
    """A line that does not keep what the type of its result promises, such as `succeeded` without a message.

    :param result: all fields as they came, under the result's own `type`.
    :param raw: the whole line.
    """

    result: UnknownResult
    raw: str

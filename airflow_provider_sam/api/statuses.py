"""A page of batches as a poll sees it, decoded at a small part of what the models cost."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated

import msgspec

from airflow_provider_sam.api.identity import BATCH_ID

__all__ = [
    "BatchStatus",
    "BatchStatusPage",
    "StatusCounts",
]

BatchId = Annotated[str, msgspec.Meta(pattern=rf"\A{BATCH_ID.pattern}\Z")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# `gc=False`: nothing in here can refer back, and the garbage collector need not visit thousands of batches a look.


class StatusCounts(msgspec.Struct, frozen=True, gc=False):
    """How many requests of a batch are in which state."""

    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int


class BatchStatus(msgspec.Struct, frozen=True, gc=False):
    """Of a batch what tells how far it is, under the names of `models.MessageBatch`. Moments are aware."""

    id: BatchId
    processing_status: str
    request_counts: StatusCounts
    created_at: Moment
    expires_at: Moment
    ended_at: Moment | None = None
    cancel_initiated_at: Moment | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether every request has its outcome, so that nothing will change any more."""
        return self.processing_status == "ended"


class BatchStatusPage(msgspec.Struct, frozen=True, gc=False):
    """A page of batches, newest first, but for those that cannot be read: the fault of one is not that of all."""

    data: list[BatchStatus]
    has_more: bool


class _Page(msgspec.Struct, frozen=True):
    """A page whose batches have not been read."""

    data: list[msgspec.Raw]
    has_more: bool


_decoder = msgspec.json.Decoder(BatchStatusPage)
_pages = msgspec.json.Decoder(_Page)
_batches = msgspec.json.Decoder(BatchStatus)


def read_batches(body: bytes) -> BatchStatusPage:
    """Read a page from its JSON, without the batches in it that have another shape.

    :raises ValueError: it is no JSON or no page; the text names the place, never its contents.
    """
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError:
        return _read_one_by_one(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("not a page of batches, not JSON") from None


def _read_one_by_one(body: bytes) -> BatchStatusPage:
    try:
        page = _pages.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
        raise ValueError(f"not a page of batches, {what}") from None
    batches = []
    for batch in page.data:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            batches.append(_batches.decode(batch))
    return BatchStatusPage(data=batches, has_more=page.has_more)

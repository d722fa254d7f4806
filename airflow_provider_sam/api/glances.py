"""A page of batches as a poll sees it, decoded at a small part of what the models cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# `gc=False`: nothing in here can refer back, and the garbage collector need not visit thousands of batches a look.


class CountsGlance(msgspec.Struct, frozen=True, gc=False):
    """How many requests of a batch are in which state."""

    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int


class BatchGlance(msgspec.Struct, frozen=True, gc=False):
    """Of a batch what tells how far it is, under the names of `models.MessageBatch`. Moments are aware."""

    id: str
    processing_status: str
    request_counts: CountsGlance
    created_at: Moment
    expires_at: Moment
    ended_at: Moment | None = None
    cancel_initiated_at: Moment | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether every request has its outcome, so that nothing will change any more."""
        return self.processing_status == "ended"


class BatchesGlance(msgspec.Struct, frozen=True, gc=False):
    """A page of batches, newest first."""

    data: list[BatchGlance]
    has_more: bool


_decoder = msgspec.json.Decoder(BatchesGlance)


def read_batches(body: bytes) -> BatchesGlance:
    """Read a page from its JSON.

    :raises ValueError: it is no JSON or has another shape; the text names the place, never its contents.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
        raise ValueError(f"no page of batches, {what}") from None

"""What is remembered of a submission, in one form wherever it lies: for each batch what was asked, and what came of it.

The form is versioned. What cannot be read is an error and never "nothing is remembered": that would pay again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from airflow_provider_sam.exceptions import SamStateError

VERSION = 2

KEPT = 100
"""How many batches of earlier inputs are remembered, the newest first."""

ORDERS_KEPT = 20


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest batch of the workspace before ours, as the server told it."""

    id: str
    created_at: datetime


class BatchRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One batch of a submission.

    :param fingerprint: of the requests, in any order; of the body as it is sent where there are no keys.
    :param requests: how many it holds.
    :param keys: the range of keys that is its own, in hexadecimal; None in what version 1 has remembered.
    :param intended: a create request may have gone out since `anchor` was the newest batch, and its outcome is unknown.
    :param anchor: None where the workspace held no batch, or nothing is intended.
    :param batch_id: the batch, once it is known.
    :param created: it exists for certain, but under an id that cannot be trusted.
    """

    fingerprint: str
    requests: int
    intended: bool = False
    anchor: Anchor | None = None
    batch_id: str | None = None
    keys: tuple[str, str] | None = None
    created: bool = False

    @property
    def stands(self) -> bool:
        """Whether there is such a batch, or may be."""
        return self.intended or self.batch_id is not None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A submission.

    :param round: tells a retry from a task that was cleared: the same in all tries until the next clear.
    :param batches: those of the input as it is now.
    :param writer: the try that has begun last, by a name of its own; no other may write.
    :param token: what makes generated custom_ids this submission's own; random, and the same in all tries.
    :param earlier: batches of the input as it was before it changed, the newest first; it may change back.
    :param orders: for inputs with generated custom_ids of which something was sent: the fingerprint of their requests
        in any order, and of the same in the order in which they came.
    """

    round: int
    batches: tuple[BatchRecord, ...]
    writer: str
    version: int = VERSION
    token: str = ""
    earlier: tuple[BatchRecord, ...] = ()
    orders: dict[str, str] = {}

    def with_batch(self, index: int, batch: BatchRecord) -> Record:
        """Return the record with another state of one batch."""
        return msgspec.structs.replace(self, batches=(*self.batches[:index], batch, *self.batches[index + 1 :]))

    def with_order(self, contents: str, order: str) -> Record:
        """Return the record with the order in which an input has come; without it where nothing of it was sent."""
        others = [(key, value) for key, value in self.orders.items() if key != contents]
        sent = [(contents, order)] if any(batch.stands for batch in self.batches) else []
        return msgspec.structs.replace(self, orders=dict([*others, *sent][-ORDERS_KEPT:]))

    @property
    def known(self) -> tuple[BatchRecord, ...]:
        """All batches that exist or may exist, those of the input as it was last first."""
        return tuple(batch for batch in (*self.batches, *self.earlier) if batch.stands)

    @property
    def batch_ids(self) -> frozenset[str]:
        """The batches that are known."""
        return frozenset(batch.batch_id for batch in self.known if batch.batch_id is not None)


def to_json(record: Record) -> dict[str, Any]:
    """Return the record as JSON types, and no others: Airflow's task state store takes a tuple for a mistake."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record, enc_hook=_moment))
    return written


def _moment(value: object) -> str:
    """Write a moment of the API's answers, which are pendulum's; msgspec knows only the standard library's."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise NotImplementedError(f"a {type(value).__name__} in a record")


def from_json(value: object, *, where: str) -> Record:
    """Read a record from JSON types, or from the JSON itself as bytes.

    :param where: it lies there, for the message.
    :raises SamStateError: it is no record, or one of another version.
    """
    try:
        found = msgspec.json.decode(value) if isinstance(value, bytes) else value
        version = found.get("version") if isinstance(found, dict) else None
        if version not in {1, VERSION}:
            raise SamStateError(
                f"the record at {where} has version {version!r}; this provider reads versions 1 and {VERSION}"
            )
        return msgspec.structs.replace(msgspec.convert(found, Record), version=VERSION)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SamStateError(f"the record at {where} cannot be read: {error}") from None

"""What is remembered of a submission, in one form wherever it lies: for each batch what was asked, and what came of it.

The form is versioned. What cannot be read is an error and never "nothing is remembered": that would pay again.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.exceptions import SamStateError

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest batch of the workspace before ours, as the server told it."""

    id: str
    created_at: datetime


class BatchRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One batch of a submission.

    :param fingerprint: of the request as it is sent.
    :param requests: how many it holds.
    :param intended: a create request may have gone out since `anchor` was the newest batch, and its outcome is unknown.
    :param anchor: None where the workspace held no batch, or nothing is intended.
    :param batch_id: the batch, once it is known.
    """

    fingerprint: str
    requests: int
    intended: bool = False
    anchor: Anchor | None = None
    batch_id: str | None = None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A submission.

    :param round: tells a retry from a task that was cleared: the same in all tries until the next clear.
    :param batches: in the order of the input.
    :param writer: the try that has begun last, by a name of its own; no other may write.
    """

    round: int
    batches: tuple[BatchRecord, ...]
    writer: str
    version: int = VERSION

    def with_batch(self, index: int, batch: BatchRecord) -> Record:
        """Give the record with another state of one batch."""
        return msgspec.structs.replace(self, batches=(*self.batches[:index], batch, *self.batches[index + 1 :]))

    @property
    def batch_ids(self) -> frozenset[str]:
        """The batches that are known."""
        return frozenset(batch.batch_id for batch in self.batches if batch.batch_id is not None)


def to_json(record: Record) -> dict[str, Any]:
    """Give the record as JSON types, and no others: Airflow's task state store takes a tuple for a mistake."""
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
        if version != VERSION:
            raise SamStateError(f"the record at {where} has version {version!r}; this provider reads version {VERSION}")
        return msgspec.convert(found, Record)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SamStateError(f"the record at {where} cannot be read: {error}") from None


def carried_over(record: Record | None, fingerprints: Sequence[tuple[str, int]]) -> tuple[BatchRecord, ...]:
    """Give each batch that is asked for what is remembered of it; the same requests are the same batch.

    :param fingerprints: fingerprint and number of requests of each batch, in the order of the input.
    """
    known = {batch.fingerprint: batch for batch in record.batches} if record else {}
    return tuple(known.get(each) or BatchRecord(each, count) for each, count in fingerprints)


def left_behind(record: Record | None, fingerprints: Sequence[tuple[str, int]]) -> tuple[BatchRecord, ...]:
    """Give what is remembered of batches that are not asked for any more, since the input has changed."""
    wanted = {fingerprint for fingerprint, _ in fingerprints}
    return tuple(batch for batch in (record.batches if record else ()) if batch.fingerprint not in wanted)

"""A submission while it runs: what is known of each batch, written down around every step that could be lost."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.store.record import KEPT, Anchor, BatchRecord, Record
from airflow_provider_sam.batches.store.store import Submitted
from airflow_provider_sam.batches.submit.generated_ids import TOKEN_LENGTH
from airflow_provider_sam.batches.submit.shards import Pin, fingerprint_of
from airflow_provider_sam.batches.submit.written import Shard
from airflow_provider_sam.exceptions import SamSubmissionOvertakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.store import Claim, SubmissionStore
    from airflow_provider_sam.batches.submit.written import Written


@dataclass(frozen=True, kw_only=True)
class SubmitOptions:
    """What the task says about its submission.

    :param round: the same for all tries of the task until it is cleared.
    :param betas: names of beta features; None uses the plain route.
    :param adopt: batches to take for ours where none is known.
    :param resubmit: forget what an earlier round has submitted.
    :param visibility_timeout: seconds to wait for a batch to show up before it counts as not created; more for a large
        one.
    :param prove_within: seconds after its creation within which a batch that may be ours must have ended, so that its
        results can be read; None for as long as it may run.
    :param clock: gives the seconds since the epoch, for `prove_within` alone.
    """

    round: int = 0
    betas: Sequence[str] | None = None
    adopt: Sequence[str] = ()
    resubmit: bool = False
    visibility_timeout: float = 60.0
    prove_within: float | None = None
    clock: Callable[[], float] = time.time


class Submission:
    """The record of a submission, and the memory that it is kept in."""

    def __init__(self, memory: SubmissionStore, options: SubmitOptions, *, log: Logger) -> None:
        self.memory = memory
        self.record = Record(options.round, (), uuid4().hex)
        self.shards: list[Shard] = []
        self._options = options
        self._log = log
        self._order: tuple[str, str] | None = None

    def recall(self, written: Written, *, one_batch: bool = False) -> None:
        """Find out what earlier tries have done about the requests, divide them, and stop the tries that still run.

        :param one_batch: all requests go into one batch, whatever was submitted earlier.
        :raises SamRequestError: the requests are those of an earlier try in another order, and have no custom_ids.
        :raises SamStateError: what is remembered cannot be read.
        """
        known = self._load()
        if written.generated:
            self._order = str(written.contents), written.order
            _check_order(known, *self._order)
        token = known.token or uuid4().hex
        found = list(self._divide(written, known.known, token, one_batch=one_batch))
        self.shards = [shard for shard, _ in found]
        batches = tuple(batch or _new(shard) for shard, batch in found)
        left = [batch for batch in known.known if batch not in batches]
        self._tell(known, batches, left)
        self.record = msgspec.structs.replace(
            known,
            round=self._options.round,
            batches=batches,
            writer=self.record.writer,
            token=token,
            earlier=tuple(left[:KEPT]),
        )
        self.memory.save(self.record)

    def _load(self) -> Record:
        known = self.memory.load()
        if known is None:
            return self.record
        if self._options.resubmit and known.round != self._options.round:
            held = ", ".join(sorted(known.batch_ids)) or "no batch"
            self._log.info("The task was cleared with resubmit=True: submitting a new batch; %s stays as it is", held)
            return self.record
        return known

    def _divide(
        self, written: Written, known: Sequence[BatchRecord], token: str, *, one_batch: bool
    ) -> Iterator[tuple[Shard, BatchRecord | None]]:
        """Return the batches, each with what is remembered of it."""
        betas = self._options.betas
        kept = list(self._kept_in_order(written, [batch for batch in known if batch.keys is None]))
        yield from kept
        pins = {_pin(batch): batch for batch in reversed(known) if batch.keys is not None}
        if one_batch:
            pins = {pin: batch for pin, batch in pins.items() if pin.requests == written.total}
        members = [shard.members for shard, _ in kept if isinstance(shard.members, range)]
        for plan, pin in written.divide(list(pins)[::-1], without=members, betas=betas):
            fingerprint = fingerprint_of(plan.digest, len(plan.members), betas)
            own = hashlib.sha256(f"{token}/{fingerprint}".encode()).hexdigest()[:TOKEN_LENGTH]
            shard = Shard(written=written, members=plan.members, keys=plan.keys, fingerprint=fingerprint, token=own)
            yield shard, None if pin is None else pins[pin]

    def _kept_in_order(self, written: Written, known: Sequence[BatchRecord]) -> Iterator[tuple[Shard, BatchRecord]]:
        """Return the batches that version 1 has submitted: filled in the order of the input, with plain custom_ids."""
        if not known:
            return
        by_fingerprint = {batch.fingerprint: batch for batch in reversed(known)}
        for members, digest in written.in_order():
            betas = self._options.betas
            name = digest if betas is None else hashlib.sha256(repr((digest, [*betas])).encode()).hexdigest()
            if (batch := by_fingerprint.get(name)) is not None:
                yield Shard(written=written, members=members, keys=None, fingerprint=name, token=None), batch

    def _tell(self, known: Record, batches: Sequence[BatchRecord], left: Sequence[BatchRecord]) -> None:
        for lost in left:
            if lost in known.batches:
                self._log.warning(
                    "The input has changed since an earlier try: submitting a new batch; %s of %d requests is kept",
                    f"batch {lost.batch_id}" if lost.batch_id else "a batch that may exist",
                    lost.requests,
                )
        for batch in batches:
            if batch in known.earlier:
                self._log.info(
                    "The input has changed back: %s of %d requests was submitted for it",
                    f"batch {batch.batch_id}" if batch.batch_id else "a batch that may exist",
                    batch.requests,
                )

    @property
    def is_open(self) -> bool:
        """Whether a create was begun whose outcome is not known."""
        return any(batch.intended and batch.batch_id is None for batch in self.record.batches)

    def confirm(self) -> None:
        """Make sure that this is still the task's last try.

        A worker that has lost touch with Airflow may go on while a retry runs elsewhere. That one finds the intent, and
        waits for the batch as long as a server may take to show it: time enough for this one to notice.

        :raises SamSubmissionOvertakenError: a later one has begun.
        """
        known = self.memory.load()
        if known is not None and known.writer != self.record.writer:
            raise SamSubmissionOvertakenError("another try of this task has begun, and submits in this one's place")

    def intend(self, index: int, anchor: Anchor | None) -> None:
        """Write down that a batch is about to be created."""
        self._note(index, intended=True, anchor=anchor, batch_id=None)

    def hold(self, index: int, batch_id: str) -> Claim | None:
        """Write down which batch it is; give the claim of another task that has it already."""
        self._note(index, intended=False, anchor=None, batch_id=batch_id)
        return self.claim(index, batch_id)

    def claim(self, index: int, batch_id: str) -> Claim | None:
        """Enter a batch in the register as ours; give the claim of another task that has it already."""
        shard = self.shards[index]
        return self.memory.claim(batch_id, Submitted(shard.fingerprint, shard.requests, shard.ids_digest))

    def lose(self, index: int) -> None:
        """Write down that a batch was created, and that it is not known which: no other may be created in its place."""
        known = self.record.batches[index]
        self._note(index, intended=True, anchor=known.anchor, batch_id=None, created=True)

    def forget(self, index: int) -> None:
        """Write down that certainly no batch was created."""
        self._note(index, intended=False, anchor=None, batch_id=None)

    def missing(self, requests: int) -> int | None:
        """Find the first batch of so many requests that is not known yet."""
        missing = (index for index, known in enumerate(self.record.batches) if known.batch_id is None)
        return next((index for index in missing if self.record.batches[index].requests == requests), None)

    def _note(
        self, index: int, *, intended: bool, anchor: Anchor | None, batch_id: str | None, created: bool = False
    ) -> None:
        self.confirm()
        known = self.record.batches[index]
        batch = msgspec.structs.replace(known, intended=intended, anchor=anchor, batch_id=batch_id, created=created)
        record = self.record.with_batch(index, batch)
        self.record = record if self._order is None else record.with_order(*self._order)
        self.memory.save(self.record)


def _check_order(known: Record, contents: str, order: str) -> None:
    if known.orders.get(contents, order) != order:
        raise SamRequestError(
            "the requests come in a different order than in an earlier try, and those without a custom_id are named by "
            "their position: their results could not be told apart. Give each a custom_id, or keep the order stable, "
            "in SQL with ORDER BY; to submit them again, clear the task with resubmit=True"
        )


def _new(shard: Shard) -> BatchRecord:
    """Return what is to be remembered of a batch before anything was done about it."""
    keys = None if shard.keys is None else (f"{shard.keys[0]:016x}", f"{shard.keys[1]:016x}")
    return BatchRecord(shard.fingerprint, shard.requests, keys=keys)


def _pin(batch: BatchRecord) -> Pin:
    first, last = batch.keys or ("", "")
    return Pin((int(first, 16), int(last, 16)), batch.requests, batch.fingerprint)

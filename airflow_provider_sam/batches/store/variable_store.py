"""The memory that every Airflow has: a submission in a variable of its own, and a register with a variable a batch."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.batches.ids import check_batch_id
from airflow_provider_sam.batches.store.claims import claim_of, read_claim
from airflow_provider_sam.batches.store.record_store import RecordStore
from airflow_provider_sam.batches.store.variable_index import KEPT_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sam.batches.store.claims import Claim, Submitted, TaskIdentity
    from airflow_provider_sam.batches.store.variable_index import VariableIndex
    from airflow_provider_sam.batches.store.variables import Variables

SETTLING = 1.0
"""Seconds between a claim's write and the look whether it still stands: more than another task takes from its look
to its write. Twice as long as this task has taken for that, where that is more."""


class VariableRegister:
    """Which task holds which batch, for all tasks of this Airflow.

    Airflow's variables know no "write unless it is there". A claim is written where none was, and holds if it still
    stands a moment later.

    :param sleep: waits a number of seconds.
    """

    def __init__(
        self,
        variables: Variables,
        identity: TaskIdentity,
        index: VariableIndex,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._variables = variables
        self._identity = identity
        self._index = index
        self._sleep = sleep

    def find(self, batch_id: str) -> Claim | None:
        """Look into the register."""
        key = _batch_key(batch_id)
        text = self._variables.read(key)
        return None if text is None else read_claim(text, where=f"variable {key!r}")

    def holder(self, batch_id: str) -> Claim | None:
        """Look into the register for another task."""
        claim = self.find(batch_id)
        return None if claim is None or claim.owner == self._identity.key else claim

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Enter the batch in the register unless it stands there, and say which other task holds it."""
        mine = claim_of(self._identity, submitted)
        self._index.enter(_batch_key(batch_id))
        began = time.monotonic()
        found = self.find(batch_id)
        # A claim of ours with other content is an earlier version's, or of requests that were replaced: write it anew.
        if found is not None and (found.owner != mine.owner or found == mine):
            return None if found.owner == mine.owner else found
        self._variables.write(
            _batch_key(batch_id), msgspec.json.encode(mine).decode(), _describe("Held by", self._identity)
        )
        # Two tasks that both found nothing both write. Whose claim was overwritten sees it only once the other's write
        # has come, for which twice the time that reading and writing took here is enough.
        if found is None:
            self._sleep(max(SETTLING, 2 * (time.monotonic() - began)))
        return self.holder(batch_id)


class VariableStore(RecordStore):
    """Remembers a submission in a variable, which no other task writes."""

    def __init__(
        self, variables: Variables, identity: TaskIdentity, index: VariableIndex, register: VariableRegister
    ) -> None:
        self._key = f"sam_submission.{identity.digest[:24]}"
        super().__init__(f"variable {self._key!r}", register)
        self._variables = variables
        self._identity = identity
        self._index = index

    def _read(self) -> bytes | None:
        """Read the variable.

        An API server whose database is away may answer that there is no variable. So "none" is believed if a variable
        was written and read in between.
        """
        text = self._variables.read(self._key)
        if text is None and self._saved is None:
            self._index.enter(self._key)
            text = self._variables.read(self._key)
        return None if text is None else text.encode()

    def _write(self, record: dict[str, Any]) -> None:
        self._index.enter(self._key)
        text = json.dumps(record, separators=(",", ":"))
        self._variables.write(self._key, text, _describe("What was submitted by", self._identity))


def _batch_key(batch_id: str) -> str:
    return f"sam_batch.{check_batch_id(batch_id)}"


def _describe(what: str, identity: TaskIdentity) -> str:
    until = datetime.now(UTC).date() + timedelta(days=KEPT_DAYS)
    return f"{what} {identity.name}: keeps airflow-provider-sam from paying twice. May be deleted after {until}."

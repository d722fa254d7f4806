"""A submission's record in a store, whichever that is, beside a register of who holds which batch.

What was saved last is kept here, so that an error says what is remembered when store or register is out of reach.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.batches.store.airflow import claiming, saving
from airflow_provider_sam.batches.store.record import Record, from_json, to_json

if TYPE_CHECKING:
    from airflow_provider_sam.batches.store.claims import Claim, ClaimRegister, Submitted


class RecordStore(ABC):
    """Remembers one submission. Its subclasses say where, and in which form a record lies there.

    :param where: the record lies, for messages.
    :param register: of the tasks that this one has to know of.
    """

    def __init__(self, where: str, register: ClaimRegister) -> None:
        self.where = where
        self._register = register
        self._saved: Record | None = None

    @abstractmethod
    def _read(self) -> object:
        """Return the record as JSON types, or as JSON in bytes; None only where there certainly is none."""

    @abstractmethod
    def _write(self, record: dict[str, Any]) -> None:
        """Write the record's JSON types; when this returns, they last."""

    def load(self) -> Record | None:
        """Return what is remembered."""
        found = self._read()
        if found is None:
            return None
        self._saved = from_json(found, where=self.where)
        return self._saved

    def save(self, record: Record) -> None:
        """Write the record."""
        written = to_json(record)
        with saving(self._saved, record):
            self._write(written)
        self._saved = record

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Hold a batch, unless another task does; return that one's claim, or None if the batch is ours."""
        with claiming(batch_id, self._saved):
            return self._register.claim(batch_id, submitted)

    def holder(self, batch_id: str) -> Claim | None:
        """Return the claim of another task on a batch."""
        return self._register.holder(batch_id)

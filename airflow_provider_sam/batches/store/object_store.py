"""The memory under a state path: an object for each submission, and a register with an object for each batch."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from airflow_provider_sam.batches.ids import check_batch_id
from airflow_provider_sam.batches.storage import LOCAL_PROTOCOLS, stage
from airflow_provider_sam.batches.store.airflow import attempt
from airflow_provider_sam.batches.store.claims import claim_of, read_claim
from airflow_provider_sam.batches.store.record_store import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.batches.store.claims import Claim, Submitted, TaskIdentity


class ObjectRegister:
    """Which task holds which batch, for all tasks that share a state path.

    :param sleep: waits a number of seconds.
    """

    def __init__(
        self, state_path: ObjectStoragePath, identity: TaskIdentity, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._claims = state_path / "claims"
        self._identity = identity
        self._sleep = sleep

    def find(self, batch_id: str) -> Claim | None:
        """Look into the register."""
        place = self._place(batch_id)
        data = attempt(f"{place} could not be read", lambda: read_object(place), sleep=self._sleep)
        return None if data is None else read_claim(data, where=str(place))

    def holder(self, batch_id: str) -> Claim | None:
        """Look into the register for another task."""
        claim = self.find(batch_id)
        return None if claim is None or claim.owner == self._identity.key else claim

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Enter the batch in the register unless it stands there, and say which other task holds it."""
        place = self._place(batch_id)
        if self.find(batch_id) is None:
            mine = msgspec.json.encode(claim_of(self._identity, submitted))
            attempt(f"{place} could not be written", lambda: _create(place, mine), sleep=self._sleep)
        return self.holder(batch_id)

    def _place(self, batch_id: str) -> ObjectStoragePath:
        return self._claims / f"{check_batch_id(batch_id)}.json"


class ObjectStore(RecordStore):
    """Remembers in an object under a state path, beside the register of all tasks that share the path.

    :param sleep: waits a number of seconds.
    """

    def __init__(
        self, state_path: ObjectStoragePath, identity: TaskIdentity, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._record = state_path / identity.key
        self._sleep = sleep
        super().__init__(str(self._record), ObjectRegister(state_path, identity, sleep=sleep))

    def _read(self) -> bytes | None:
        return attempt(f"{self.where} could not be read", lambda: read_object(self._record), sleep=self._sleep)

    def _write(self, record: dict[str, Any]) -> None:
        data = msgspec.json.encode(record)
        attempt(f"{self.where} could not be written", lambda: _replace(self._record, data), sleep=self._sleep)


def read_object(path: ObjectStoragePath) -> bytes | None:
    """Read an object; None only if it does not exist. Every other failure is the storage's own error."""
    path.fs.invalidate_cache()  # another process may have written it since this one has looked
    try:
        return bytes(path.fs.cat_file(path.path))
    except FileNotFoundError:
        return None


def _replace(path: ObjectStoragePath, data: bytes) -> None:
    """Write an object as a whole."""
    staged = stage(path)  # a reader must never find half a record, nor an empty one after a crash
    try:
        staged.write(data)
    except BaseException:
        staged.discard()
        raise
    staged.commit()


def _create(path: ObjectStoragePath, data: bytes) -> None:
    """Write an object unless it exists; of several writers at the same time one succeeds, and nobody sees a half."""
    try:
        if (path.protocol or "") in LOCAL_PROTOCOLS:
            _link(Path(path.path), data)
            return
        path.fs.pipe_file(path.path, data, mode="create")
    except FileExistsError:
        return


def _link(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)

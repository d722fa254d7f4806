"""Where a submission is remembered: under a state path, else in what Airflow keeps itself; one record for all.

All tasks of an Airflow see each other, or all that share a state path: the first to name a batch as its own holds it,
and no other attaches to it.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec

from airflow_provider_sam._compat.variables import variables_are_reachable
from airflow_provider_sam.batches.airflow_store import attempt, claiming, saving
from airflow_provider_sam.batches.claims import Claim, Memory, Register, Submitted, TaskIdentity, claim_of, read_claim
from airflow_provider_sam.batches.ids import check_batch_id
from airflow_provider_sam.batches.record import Record, from_json, to_json
from airflow_provider_sam.batches.staging import LOCAL_PROTOCOLS, stage
from airflow_provider_sam.batches.storage_paths import destination
from airflow_provider_sam.batches.variable_index import VariableIndex
from airflow_provider_sam.batches.variable_store import VariableRegister, VariableStore
from airflow_provider_sam.batches.variables import AirflowVariables

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context, ObjectStoragePath
    from airflow_provider_sam.batches.watching import Logger

__all__ = [
    "KEY",
    "RETENTION",
    "Claim",
    "Memory",
    "NoMemory",
    "NoRegister",
    "ObjectMemory",
    "Register",
    "Submitted",
    "TaskIdentity",
    "TaskStateMemory",
    "identity_of",
    "memory_for",
    "register_for",
]

KEY = "sam_submission"
"""The key in the task state store."""

RETENTION = timedelta(days=30)
"""How long the task state store keeps a record at least: results can be fetched for 29 days after the creation."""


class TaskStateStore(Protocol):
    """What is used of Airflow's accessor; its state belongs to one task of one Dag run, and lasts over its tries."""

    def get(self, key: str) -> Any:
        """Give the value, or None."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Write the value."""


class NoMemory:
    """Remembers nothing: a submission is safe within its try, and a retry may pay again."""

    where = "nowhere"

    def load(self) -> Record | None:
        """Give None."""
        return None

    def save(self, record: Record) -> None:
        """Forget it."""

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:  # noqa: ARG002 - the protocol's
        """Know of no other."""
        return None

    def holder(self, batch_id: str) -> Claim | None:  # noqa: ARG002 - the protocol's
        """Know of no other."""
        return None


class NoRegister:
    """Knows of no claim."""

    def find(self, batch_id: str) -> Claim | None:  # noqa: ARG002 - the protocol's
        """Return None."""
        return None


class TaskStateMemory:
    """Remembers in Airflow's task state store, which knows nothing of other tasks.

    :param register: knows what other tasks hold.
    """

    def __init__(self, store: TaskStateStore, register: VariableRegister | NoMemory) -> None:
        self._store = store
        self._register = register
        self._saved: Record | None = None
        self.where = f"key {KEY!r} of the task state store"

    def load(self) -> Record | None:
        """Give what is remembered."""
        value = attempt(f"{self.where} could not be read", lambda: self._store.get(KEY))
        if value is None:
            return None
        self._saved = from_json(value, where=self.where)
        return self._saved

    def save(self, record: Record) -> None:
        """Write the record."""
        written = to_json(record)
        with saving(self._saved, record):
            attempt(f"{self.where} could not be written", lambda: self._store.set(KEY, written, retention=RETENTION))
        self._saved = record

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Hold a batch, unless another task does."""
        with claiming(batch_id, self._saved):
            return self._register.claim(batch_id, submitted)

    def holder(self, batch_id: str) -> Claim | None:
        """Return the claim of another task on a batch."""
        return self._register.holder(batch_id)


class ObjectMemory:
    """Remembers in an object under a state path, beside the register of all tasks that share the path."""

    def __init__(self, state_path: ObjectStoragePath, identity: TaskIdentity) -> None:
        self._record = state_path / identity.key
        self._claims = state_path / "claims"
        self._identity = identity
        self.where = str(self._record)

    def load(self) -> Record | None:
        """Give what is remembered."""
        data = _read(self._record)
        return None if data is None else from_json(data, where=self.where)

    def save(self, record: Record) -> None:
        """Write the record as a whole."""
        staged = stage(self._record)
        try:
            staged.write(msgspec.json.encode(to_json(record)))
        except BaseException:
            staged.discard()
            raise
        staged.commit()

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Enter the batch in the register unless it stands there, and say who holds it."""
        mine = claim_of(self._identity, submitted)
        if _read(self._place(batch_id)) is None:
            _create(self._place(batch_id), msgspec.json.encode(mine))
        return self.holder(batch_id)

    def holder(self, batch_id: str) -> Claim | None:
        """Look into the register for another task."""
        claim = self.find(batch_id)
        return None if claim is None or claim.owner == self._identity.key else claim

    def find(self, batch_id: str) -> Claim | None:
        """Look into the register."""
        place = self._place(batch_id)
        data = _read(place)
        if data is None:
            return None
        return read_claim(data, where=str(place))

    def _place(self, batch_id: str) -> ObjectStoragePath:
        return self._claims / f"{check_batch_id(batch_id)}.json"


def _read(path: ObjectStoragePath) -> bytes | None:
    """Read an object; None only if it does not exist. Every other failure is the storage's own error."""
    path.fs.invalidate_cache()  # another process may have written it since this one has looked
    try:
        return bytes(path.fs.cat_file(path.path))
    except FileNotFoundError:
        return None


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


def memory_for(context: Context, state_path: str | ObjectStoragePath | None, *, log: Logger) -> Memory:
    """Choose where a task remembers: under the state path, if it has one, else in Airflow.

    The record lies in the task state store where Airflow has one, since Airflow removes it with its run, and in a
    variable elsewhere. The register always lies in variables.
    """
    identity = identity_of(context)
    if state_path:
        return ObjectMemory(destination(state_path, what="state_path"), identity)
    store = context.get("task_state_store")
    if not variables_are_reachable(context["ti"]):
        if store is not None:
            return TaskStateMemory(store, NoMemory())
        log.warning(
            "Nothing remembers this submission, as no Airflow runs this task: executing it again may pay a second "
            "time. Give a state_path here or in the connection"
        )
        return NoMemory()
    variables = AirflowVariables()
    index = VariableIndex(variables, identity, log=log)
    register = VariableRegister(variables, identity, index)
    if store is not None:
        return TaskStateMemory(store, register)
    return VariableStore(variables, identity, index, register)


def register_for(context: Context, state_path: str | ObjectStoragePath | None, *, log: Logger) -> Register:
    """Choose where a task looks up which task holds a batch: where the submitting tasks of this Airflow enter it."""
    identity = identity_of(context)
    if state_path:
        return ObjectMemory(destination(state_path, what="state_path"), identity)
    if not variables_are_reachable(context["ti"]):
        return NoRegister()
    variables = AirflowVariables()
    return VariableRegister(variables, identity, VariableIndex(variables, identity, log=log))


def identity_of(context: Context) -> TaskIdentity:
    """Say which task of which Dag run this is."""
    ti: Any = context["ti"]
    map_index = ti.map_index if ti.map_index is not None else -1
    region = getattr(ti, "region_id", None), getattr(ti, "region_index", None)
    known = None if region == (None, None) else (str(region[0]), int(region[1] or 0))
    return TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index, known)

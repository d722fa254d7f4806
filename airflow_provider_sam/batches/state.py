"""Where a submission is remembered: Airflow's task state store, or an object on object storage; one record for both.

Under a state path the tasks also see each other: the first to name a batch as its own holds it, and no other attaches
to it. The task state store shows a task nothing but its own state, so that there is no such register in it.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.batches.record import from_json, to_json
from airflow_provider_sam.batches.staging import LOCAL_PROTOCOLS, stage
from airflow_provider_sam.exceptions import SamStateError

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context
    from airflow_provider_sam.batches.watching import Logger
from airflow_provider_sam.batches.record import Record

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


@dataclass(frozen=True)
class TaskIdentity:
    """Whose submission it is: one task of one Dag run, whatever its try."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def name(self) -> str:
        """How a person finds it."""
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{mapped} of {self.run_id}"

    @property
    def key(self) -> str:
        """Its place under a state path: readable, of plain characters, and its own for certain."""
        parts = (self.dag_id, self.run_id, self.task_id)
        digest = hashlib.sha256(repr((parts, self.map_index)).encode()).hexdigest()[:12]
        return "/".join([*(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in parts), f"{self.map_index}-{digest}.json"])


class Submitted(msgspec.Struct, frozen=True):
    """What was submitted as one batch.

    :param fingerprint: of the request as it is sent.
    :param requests: how many the batch holds.
    :param ids_digest: of their custom_ids, as `custom_ids_digest` returns it; empty where it is not known.
    """

    fingerprint: str
    requests: int
    ids_digest: str


class Claim(msgspec.Struct, frozen=True):
    """Who holds a batch, and what was submitted as that batch.

    :param owner: the key of its task.
    :param name: its task, for a person.
    :param fingerprint: of the requests that it was to hold.
    :param requests: how many those are; 0 where it is not known, as in a claim of an earlier version.
    :param ids_digest: of their custom_ids; empty where it is not known.
    """

    owner: str
    name: str
    fingerprint: str
    requests: int = 0
    ids_digest: str = ""


class Register(Protocol):
    """Knows which task holds which batch."""

    def find(self, batch_id: str) -> Claim | None:
        """Return the claim on a batch, whoever holds it, or None if none is known.

        :raises SamStateError: the register cannot be read.
        """


class Memory(Protocol):
    """Remembers one submission, and knows what others hold as far as it can."""

    where: str

    def load(self) -> Record | None:
        """Give what is remembered; None only where there certainly is nothing.

        :raises SamStateError: what lies there cannot be read.
        """

    def save(self, record: Record) -> None:
        """Remember; when this returns, it lasts."""

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Hold a batch, unless another task does; give that one's claim, or None if the batch is ours."""

    def holder(self, batch_id: str) -> Claim | None:
        """Give the claim of another task on a batch, or None if none is known."""


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


class TaskStateMemory(NoMemory):
    """Remembers in Airflow's task state store, which knows nothing of other tasks."""

    def __init__(self, store: TaskStateStore) -> None:
        self._store = store
        self.where = f"key {KEY!r} of the task state store"

    def load(self) -> Record | None:
        """Give what is remembered."""
        value = self._store.get(KEY)
        return None if value is None else from_json(value, where=self.where)

    def save(self, record: Record) -> None:
        """Write the record."""
        self._store.set(KEY, to_json(record), retention=RETENTION)


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
        try:
            return msgspec.json.decode(data, type=Claim)
        except msgspec.MsgspecError as error:
            raise SamStateError(f"the claim at {place} cannot be read: {error}") from None

    def _place(self, batch_id: str) -> ObjectStoragePath:
        return self._claims / f"{batch_id}.json"


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
    """Choose where a task remembers: under the state path, if it has one, else in Airflow's task state store."""
    if state_path:
        return ObjectMemory(ObjectStoragePath(state_path), identity_of(context))
    if (store := context.get("task_state_store")) is not None:
        return TaskStateMemory(store)
    log.warning(
        "Nothing remembers this submission: a retry after a lost answer may pay a second time. Give a state_path here "
        "or in the connection; from Airflow 3.3 on, the task state store is used without one"
    )
    return NoMemory()


def register_for(
    context: Context,
    state_path: str | ObjectStoragePath | None,
    *,
    log: Logger,  # noqa: ARG001 - under a state path there is nothing to say
) -> Register:
    """Choose where a task looks up which task holds a batch: where the submitting tasks of this Airflow enter it."""
    if state_path:
        return ObjectMemory(ObjectStoragePath(state_path), identity_of(context))
    return NoRegister()


def claim_of(identity: TaskIdentity, submitted: Submitted) -> Claim:
    """Return the claim of a task on the batch that it has submitted."""
    return Claim(identity.key, identity.name, submitted.fingerprint, submitted.requests, submitted.ids_digest)


def identity_of(context: Context) -> TaskIdentity:
    """Say which task of which Dag run this is."""
    ti = context["ti"]
    return TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, ti.map_index if ti.map_index is not None else -1)

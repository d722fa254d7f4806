"""Where a submission is remembered: under a state path, else in what Airflow keeps itself; one record for all.

All tasks of an Airflow see each other, or all that share a state path: the first to name a batch as its own holds it,
and no other attaches to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam._compat.variables import variables_are_reachable
from airflow_provider_sam.batches.paths import destination
from airflow_provider_sam.batches.store.airflow import attempt
from airflow_provider_sam.batches.store.claims import Claim, Register, SubmissionStore, Submitted, TaskIdentity
from airflow_provider_sam.batches.store.object_store import ObjectRegister, ObjectStore
from airflow_provider_sam.batches.store.record_store import RecordStore
from airflow_provider_sam.batches.store.variable_index import VariableIndex
from airflow_provider_sam.batches.store.variable_store import VariableRegister, VariableStore
from airflow_provider_sam.batches.store.variables import AirflowVariables

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context, ObjectStoragePath
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.claims import ClaimRegister
    from airflow_provider_sam.batches.store.record import Record

__all__ = [
    "KEY",
    "RETENTION",
    "Claim",
    "NoRegister",
    "NullStore",
    "ObjectRegister",
    "ObjectStore",
    "Register",
    "SubmissionStore",
    "Submitted",
    "TaskIdentity",
    "TaskStateRecords",
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
        """Return the value, or None."""

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Write the value."""


class NullStore:
    """Remembers nothing: a submission is safe within its try, and a retry may pay again."""

    where = "nowhere"

    def load(self) -> Record | None:
        """Return None."""
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

    def holder(self, batch_id: str) -> Claim | None:  # noqa: ARG002 - the protocol's
        """Return None."""
        return None

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:  # noqa: ARG002 - the protocol's
        """Return None: no other task is known to hold the batch."""
        return None


class TaskStateRecords(RecordStore):
    """Remembers in Airflow's task state store, which knows nothing of other tasks.

    :param register: knows what other tasks hold.
    """

    def __init__(self, store: TaskStateStore, register: ClaimRegister) -> None:
        super().__init__(f"key {KEY!r} of the task state store", register)
        self._store = store

    def _read(self) -> object:
        return attempt(f"{self.where} could not be read", lambda: self._store.get(KEY))

    def _write(self, record: dict[str, Any]) -> None:
        attempt(f"{self.where} could not be written", lambda: self._store.set(KEY, record, retention=RETENTION))


def memory_for(context: Context, state_path: str | ObjectStoragePath | None, *, log: Logger) -> SubmissionStore:
    """Choose where a task remembers: under the state path, if it has one, else in Airflow.

    The record lies in the task state store where Airflow has one, since Airflow removes it with its run, and in a
    variable elsewhere. The register always lies in variables.
    """
    identity = identity_of(context)
    if state_path:
        return ObjectStore(destination(state_path, what="state_path"), identity)
    store = context.get("task_state_store")
    if not variables_are_reachable(context["ti"]):
        if store is not None:
            return TaskStateRecords(store, NoRegister())
        log.warning(
            "This submission is not recorded, because the task does not run in Airflow: running it again may pay "
            "twice. Set state_path here or in the connection"
        )
        return NullStore()
    variables = AirflowVariables()
    index = VariableIndex(variables, identity, log=log)
    register = VariableRegister(variables, identity, index)
    if store is not None:
        return TaskStateRecords(store, register)
    return VariableStore(variables, identity, index, register)


def register_for(context: Context, state_path: str | ObjectStoragePath | None, *, log: Logger) -> Register:
    """Choose where a task looks up which task holds a batch: where the submitting tasks of this Airflow enter it."""
    identity = identity_of(context)
    if state_path:
        return ObjectRegister(destination(state_path, what="state_path"), identity)
    if not variables_are_reachable(context["ti"]):
        return NoRegister()
    variables = AirflowVariables()
    return VariableRegister(variables, identity, VariableIndex(variables, identity, log=log))


def identity_of(context: Context) -> TaskIdentity:
    """Say which task of which Dag run this is."""
    ti: Any = context["ti"]
    map_index = ti.map_index if ti.map_index is not None else -1
    loop: Any = context.get("loop")  # a region would not do: it changes when a task is cleared
    iteration = None if loop is None else int(loop.index)
    return TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index, iteration)

"""Whose submission it is, what was submitted as a batch, and who holds it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from airflow_provider_sam.exceptions import SamStateError

if TYPE_CHECKING:
    from airflow_provider_sam.batches.store.record import Record


@dataclass(frozen=True)
class TaskIdentity:
    """Whose submission it is: one task of one Dag run, whatever its try."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    iteration: int | None = None
    """Which iteration of a loop it runs in, counted from 0; Airflow has loops from 3.4 on, and none inside another."""

    @property
    def name(self) -> str:
        """How a person finds it."""
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        iteration = "" if self.iteration is None else f", iteration {self.iteration}"
        return f"{self.dag_id}.{self.task_id}{mapped} of {self.run_id}{iteration}"

    @property
    def digest(self) -> str:
        """Tells it from every other task of every run, in 64 characters."""
        parts = (self.dag_id, self.run_id, self.task_id)
        # Without an iteration the digest must stay what it was before there were any: records lie under it.
        own = (parts, self.map_index) if self.iteration is None else (parts, self.map_index, self.iteration)
        return hashlib.sha256(repr(own).encode()).hexdigest()

    @property
    def series(self) -> str:
        """Tells the task from every other task, and is the same in all of its runs; in 64 characters."""
        return hashlib.sha256(repr((self.dag_id, self.task_id, self.map_index)).encode()).hexdigest()

    @property
    def key(self) -> str:
        """Its place under a state path: readable, of plain characters, and its own for certain."""
        parts = (self.dag_id, self.run_id, self.task_id)
        # Two run ids may become the same plain text, so the digest of what they were makes the place its own.
        plain = [re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in parts]
        return "/".join([*plain, f"{self.map_index}-{self.digest[:12]}.json"])


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


class ClaimRegister(Register, Protocol):
    """Knows which task holds which batch, and enters what its own task holds."""

    def holder(self, batch_id: str) -> Claim | None:
        """Return the claim of another task on a batch, or None if none is known."""

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Enter a batch as its own task's, unless another holds it; return that one's claim, or None."""


class SubmissionStore(Protocol):
    """Remembers one submission, and knows what others hold as far as it can."""

    where: str

    def load(self) -> Record | None:
        """Return what is remembered; None only where there certainly is nothing.

        :raises SamStateError: what lies there cannot be read.
        """

    def save(self, record: Record) -> None:
        """Remember; when this returns, it lasts."""

    def claim(self, batch_id: str, submitted: Submitted) -> Claim | None:
        """Hold a batch, unless another task does; give that one's claim, or None if the batch is ours."""

    def holder(self, batch_id: str) -> Claim | None:
        """Return the claim of another task on a batch, or None if none is known."""


def claim_of(identity: TaskIdentity, submitted: Submitted) -> Claim:
    """Return the claim of a task on the batch that it has submitted."""
    return Claim(identity.key, identity.name, submitted.fingerprint, submitted.requests, submitted.ids_digest)


def read_claim(data: bytes | str, *, where: str) -> Claim:
    """Read a claim from its JSON.

    :param where: it lies there, for the message.
    :raises SamStateError: it is no claim.
    """
    try:
        return msgspec.json.decode(data, type=Claim)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SamStateError(f"the claim at {where} cannot be read: {error}") from None

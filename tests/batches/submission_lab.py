"""What tests of submissions share: a server whose time they make, memories that outlive a try, tries that can die."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.store.store import (
    KEY,
    RETENTION,
    NullStore,
    ObjectStore,
    TaskIdentity,
    TaskStateRecords,
)
from airflow_provider_sam.batches.store.variable_index import VariableIndex
from airflow_provider_sam.batches.store.variable_store import VariableRegister, VariableStore
from airflow_provider_sam.batches.submit.sources import entries_of
from airflow_provider_sam.batches.submit.spool import Spool
from airflow_provider_sam.batches.submit.submission import SubmitOptions
from airflow_provider_sam.batches.submit.submitter import Submitter
from airflow_provider_sam.emulator import Fault
from airflow_provider_sam.exceptions import SamSubmissionUnprovenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sam.emulator import SamEmulator
    from airflow_provider_sam.emulator.faults import Effect

CREATE = "messages_batches_create"


class Killed(BaseException):
    """Stands for the death of a task's process: nothing after it runs."""


class Clock:
    """The server's time, which moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Log(list):
    """Keeps the lines."""

    _reactions: tuple[tuple[str, Callable[[], None]], ...] = ()

    def react(self, line: str, action: Callable[[], None]) -> None:
        """Do something when a line with these words comes."""
        self._reactions = (*self._reactions, (line, action))

    def info(self, message, *args):
        self.append(message % args)
        for line, action in self._reactions:
            if line in self[-1]:
                action()

    warning = info


class StateStore(dict):
    """Stands for Airflow's accessor of the task state, whose values are JSON."""

    def get(self, key):
        return json.loads(self[key]) if key in self else None

    def set(self, key, value, *, retention):
        assert retention
        self[key] = json.dumps(value)


class VariableRows(dict):
    """Stands for Airflow's variables, which are text under a key of 250 characters."""

    def read(self, key):
        return self.get(key)

    def write(self, key, value, description):
        assert isinstance(value, str)
        assert len(key) <= 250
        assert description
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


MEMORIES = ("state_path", "task state", "variables")
"""Where a submission may be remembered: under a state path, or by default on Airflow from 3.3 on and before."""


class Lab:
    """A server, and what tasks keep between their tries."""

    def __init__(self, emulator: SamEmulator, clock: Clock, folder: Path) -> None:
        self.emulator = emulator
        self.clock = clock
        self.log = Log()
        self.left: list[tuple[str, ...]] = []
        settings = ClientSettings(base_url=emulator.url, api_key=emulator.api_key, read_timeout=1.0)
        # Nothing here is encrypted, and loading the certificates takes longer than all else.
        self.client = SamClient(settings, transport=httpx.HTTPTransport(verify=False), sleep=clock.sleep)
        self._folder = folder
        self._stores: dict[TaskIdentity, StateStore] = {}
        self.variables = VariableRows()

    def memory(self, kind: str, run: str = "run"):
        """Return the memory of a Dag run's task, as one of `MEMORIES`, or of a stranger, whom no register knows."""
        identity = TaskIdentity("dag", run, "task")
        if kind == "stranger":
            return NullStore()
        if kind == "state_path":
            return ObjectStore(ObjectStoragePath(self._folder.as_uri()), identity)
        index = VariableIndex(self.variables, identity, log=self.log)
        register = VariableRegister(self.variables, identity, index, sleep=lambda _seconds: None)
        if kind == "variables":
            return VariableStore(self.variables, identity, index, register)
        return TaskStateRecords(self._stores.setdefault(identity, StateStore()), register)

    def submit(
        self,
        requests,
        memory,
        *,
        shard_size: int = 100,
        leaves: int = 0,
        sleep: Callable[[float], None] | None = None,
        stop_at: str | None = None,
        only=None,
        **options,
    ) -> list[str]:
        """Run one try of a task.

        :param leaves: how often the task may leave its worker, to be resumed when a batch has ended.
        :param stop_at: when the log says this, the task is told to end.
        """
        options = {"clock": self.clock.now.timestamp, **options}
        with Spool(Limits(max_batch_requests=shard_size), only=only) as spool:
            written = spool.write(entries_of(requests))
            while True:
                submitter = Submitter(
                    self.client, memory, SubmitOptions(**options), log=self.log, sleep=sleep or self.clock.sleep
                )
                if stop_at is not None:
                    self.log.react(stop_at, submitter.stop)
                try:
                    return submitter.submit(written)
                except SamSubmissionUnprovenError as error:
                    if not leaves:
                        raise
                    leaves -= 1
                    self.left.append(error.batch_ids)
                    self.emulator.end_batch(error.batch_ids[0])

    def in_order(self, requests, *, shard_size: int):
        """Return the batches as version 1 of the record names them: the places of their requests, and the digest."""
        with Spool(Limits(max_batch_requests=shard_size)) as spool:
            return list(spool.write(entries_of(requests)).in_order())

    def remember(self, run: str, record) -> None:
        """Put a record into the task state store, as another version has written it."""
        store = self._stores.setdefault(TaskIdentity("dag", run, "task"), StateStore())
        store.set(KEY, record, retention=RETENTION)

    def restore(self, files, task_state, variables) -> None:
        """Put back what tries of another version have kept: objects under the state path, a task's state, variables."""
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._stores[TaskIdentity("dag", "run", "task")] = StateStore(task_state)
        self.variables.update(variables)

    def contents(self) -> list[list[str]]:
        """Return the custom_ids of each batch at the server, oldest first."""
        return [
            [custom_id for custom_id, _ in self.emulator.batch_requests(batch.id)] for batch in self.emulator.batches
        ]

    def prompts(self) -> list[list[str]]:
        """Return the prompts of each batch at the server, oldest first."""
        return [
            [params["messages"][0]["content"] for _, params in self.emulator.batch_requests(batch.id)]
            for batch in self.emulator.batches
        ]

    def ids(self) -> list[str]:
        """Return the batches at the server, oldest first."""
        return [batch.id for batch in self.emulator.batches]


def requests(count: int, prefix: str = "row"):
    """Make requests."""
    params = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
    return [{"custom_id": f"{prefix}-{number}", "params": params} for number in range(count)]


def prompts(count: int, prefix: str = "row"):
    """Make requests without a custom_id, which is generated."""
    return [
        {"params": {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": f"{prefix} {n}"}]}}
        for n in range(count)
    ]


def break_create(lab: Lab, *effects: Effect, nth: int = 1) -> None:
    """Let the nth create go wrong."""
    lab.emulator.faults.add(*(Fault(effect, operation=CREATE, nth=nth) for effect in effects))


def die(_seconds: float) -> None:
    """Die in the first pause: after the doubt has come up, before it is settled."""
    raise Killed

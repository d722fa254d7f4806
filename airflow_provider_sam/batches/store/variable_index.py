"""Which variables one task has written, run by run, so that those of old runs are removed by later ones.

The index only serves to clean up: what is missing in it is a variable that stays, never a submission that is lost.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_sam.exceptions import SamStateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.claims import TaskIdentity
    from airflow_provider_sam.batches.store.variables import Variables

KEPT_DAYS = 30
"""Results can be fetched for 29 days after the creation: after that nobody wants the batch again."""

KEPT_RUNS = 50
"""So many runs of a task are kept for `KEPT_DAYS`; of a task that runs more often, the others for `LEAST_DAYS`."""

LEAST_DAYS = 7
"""A submission is kept so long, however often the task runs: a retry or a person may still need it."""

DELETES = 10
"""Variables that one update deletes at most. It adds two at most, so that an index that has grown shrinks again."""

REPEATS = 3
"""How often an update is made when another run of the task has overwritten it."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one run of the task has written.

    :param run: tells the run.
    :param on: the day of the last write.
    :param keys: of its variables.
    """

    run: str
    on: date
    keys: tuple[str, ...] = ()


class VariableIndex:
    """The index of one task, with one of its runs as the writer.

    :param today: returns the day.
    """

    def __init__(
        self,
        variables: Variables,
        identity: TaskIdentity,
        *,
        log: Logger,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._variables = variables
        self._identity = identity
        self._log = log
        self._today = today
        self._key = f"sam_index.{identity.series[:24]}"
        self._entered: set[str] = set()

    def enter(self, key: str) -> None:
        """Note that this run is about to write a variable, and remove some of those that old runs have left.

        :raises SamStateUnavailableError: the index cannot be written.
        """
        if key in self._entered:
            return
        # A variable cannot be changed in place: a run that reads at the same moment may write over this entry.
        for _ in range(REPEATS):
            entries = self._load()
            known = next((entry for entry in entries if entry.run == self._identity.digest), None)
            if known is not None and key in known.keys and known.on == self._today():
                break
            mine = Entry(self._identity.digest, self._today(), tuple({*(known.keys if known else ()), key}))
            others = self._cleaned([entry for entry in entries if entry.run != mine.run])
            self._save([*others, mine])
        self._entered.add(key)

    def _cleaned(self, entries: Sequence[Entry]) -> list[Entry]:
        """Delete the variables of old runs, and return the entries without them."""
        old = outdated(entries, self._today())
        doomed = [(entry.run, key) for entry in old for key in entry.keys][:DELETES]
        deleted = {(run, key) for run, key in doomed if self._delete(key)}
        left = [
            msgspec.structs.replace(entry, keys=tuple(key for key in entry.keys if (entry.run, key) not in deleted))
            for entry in entries
        ]
        return [entry for entry in left if entry.keys]

    def _delete(self, key: str) -> bool:
        try:
            self._variables.delete(key)
        except SamStateUnavailableError as problem:
            self._log.warning("Keeping an old variable for now: %s", problem)
            return False
        return True

    def _load(self) -> list[Entry]:
        """Read the index; one that cannot be read is begun anew, as it only serves to clean up."""
        text = self._variables.read(self._key)
        if text is None:
            return []
        try:
            return msgspec.json.decode(text, type=list[Entry])
        except (msgspec.MsgspecError, RecursionError) as problem:
            self._log.warning("Starting over with variable %s, because it cannot be read: %s", self._key, problem)
            return []

    def _save(self, entries: Sequence[Entry]) -> None:
        task = f"{self._identity.dag_id}.{self._identity.task_id}"
        self._variables.write(
            self._key,
            msgspec.json.encode(entries).decode(),
            f"Names what the runs of {task} have left in variables sam_submission and sam_batch, so that later runs "
            "remove it (airflow-provider-sam). May be deleted when the task is not run any more.",
        )


def outdated(entries: Sequence[Entry], today: date) -> list[Entry]:
    """Return the entries whose variables may go, oldest first."""
    newest_first = sorted(entries, key=lambda entry: entry.on, reverse=True)
    ages = [((today - entry.on).days, place, entry) for place, entry in enumerate(newest_first, start=1)]
    gone = [entry for age, place, entry in ages if age > KEPT_DAYS or (age > LEAST_DAYS and place > KEPT_RUNS)]
    return gone[::-1]

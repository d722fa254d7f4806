"""The tasks of all rounds, one after the other: a fixed chain, of which a run skips what it does not need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.task_groups.options import (
    FirstSubmitOptions,
    LandOptions,
    LastLandOptions,
    RecipeOptions,
    SharedLandOptions,
    SharedSubmitOptions,
    SharedWaitOptions,
    SubmitOptions,
    TableOptions,
    WaitOptions,
    pick,
)
from airflow_provider_sam.task_groups.rounds import EndedIds, Latest, RoundPath
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    _Submit = SamCreateBatchOperator | ObjectStorageToSamBatchOperator

SUBMIT, WAIT, LAND = "submit", "wait", "land"
"""The tasks of one round. `land` is the last task, however many rounds there are, so that its id stays."""

IN_TURN: dict[str, Any] = {"trigger_rule": "all_success"}
"""What holds for tasks within the group, whatever the Dag's default is for those that begin something."""

AFTER_ALL: dict[str, Any] = {"trigger_rule": "none_failed_min_one_success"}
"""For the last landing: rounds may be skipped, as long as one of them has landed something."""


@dataclass(frozen=True, kw_only=True)
class RoundTasks:
    """Adds the tasks to the task group that is open.

    :param path: where the results of all rounds go.
    :param inputs: the arguments that name the requests, of which one is not None, and `defaults`.
    :param options: those of `SamBatchOptions`.
    :param submit_args: arguments of every task that submits.
    :param wait_args: of every task that waits.
    :param land_args: of every task that lands.
    """

    path: Any
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    submit_args: Mapping[str, Any]
    wait_args: Mapping[str, Any]
    land_args: Mapping[str, Any]

    def add(self, overrides: Sequence[Any]) -> None:
        """Add the first round and a round for each of the overrides, or one task where it only tries."""
        recipe = pick(self.options, RecipeOptions, FirstSubmitOptions)
        submit = first = self._submit(SUBMIT, rows=self.inputs["rows"], **recipe)
        if first.is_dry_run:
            return
        wait = self._wait(WAIT, submit)
        landings: list[SamBatchToObjectStorageOperator] = []
        for number, each in enumerate(overrides, 2):
            landings.append(self._land_between(number - 1, submit, wait, first, landings[-1:]))
            failed = {"only_failed_of": landings[-1].output, "overrides": each}
            submit = self._submit(f"{SUBMIT}_{number}", rows=first.rows, **failed, **IN_TURN)
            wait = self._wait(f"{WAIT}_{number}", submit)
        self._land_last(len(overrides) + 1, submit, wait, first, landings)

    def _submit(self, task_id: str, *, rows: Any, **arguments: Any) -> _Submit:
        given = {
            "task_id": task_id,
            "defaults": self.inputs["defaults"],
            **pick(self.options, SubmitOptions, SharedSubmitOptions),
            **self.submit_args,
            **arguments,
        }
        if self.inputs["requests"] is not None:
            return SamCreateBatchOperator(requests=self.inputs["requests"], **given)
        return ObjectStorageToSamBatchOperator(path=self.inputs["input_path"], rows=rows, **given)

    def _wait(self, task_id: str, submit: _Submit) -> SamBatchSensor:
        options = pick(self.options, WaitOptions, SharedWaitOptions)
        return SamBatchSensor(task_id=task_id, batch_id=submit.output, **IN_TURN, **options, **self.wait_args)

    def _land_between(
        self,
        number: int,
        submit: _Submit,
        wait: SamBatchSensor,
        first: _Submit,
        earlier: Sequence[SamBatchToObjectStorageOperator],
    ) -> SamBatchToObjectStorageOperator:
        """Add the landing of a round that another may follow: with it, all results so far are in one place."""
        arguments = {name: value for name, value in self.land_args.items() if name != "outlets"}
        return self._land(
            f"{LAND}_{number}",
            wait,
            batch_id=submit.output,
            path=RoundPath(self.path, number),
            rows=first.rows,
            carry_over=earlier[0].output if earlier else None,
            **self._raw(number),
            **IN_TURN,
            **arguments,
        )

    def _land_last(
        self,
        number: int,
        submit: _Submit,
        wait: SamBatchSensor,
        first: _Submit,
        earlier: Sequence[SamBatchToObjectStorageOperator],
    ) -> None:
        rounds: dict[str, Any] = {"batch_id": submit.output, **IN_TURN}
        if earlier:
            carry_over = Latest([landing.output for landing in earlier])
            rounds = {"batch_id": EndedIds(submit.output, wait.output), "carry_over": carry_over, **AFTER_ALL}
            rounds |= self._raw(number)
        judging = pick(self.options, LastLandOptions)
        self._land(LAND, wait, path=self.path, rows=first.rows, **rounds, **judging, **self.land_args)

    def _land(self, task_id: str, wait: SamBatchSensor, **arguments: Any) -> SamBatchToObjectStorageOperator:
        options = pick(self.options, LandOptions, TableOptions, SharedLandOptions)
        landing = SamBatchToObjectStorageOperator(**{"task_id": task_id, **options, **arguments})
        wait >> landing
        return landing

    def _raw(self, number: int) -> dict[str, Any]:
        """Return where the results of one of several rounds are kept as they came."""
        raw = self.options.get("keep_raw")
        return {} if raw is None else {"keep_raw": RoundPath(raw, number)}

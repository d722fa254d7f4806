"""Create, wait, land: a batch as one line of a Dag, and what failed sent again as often as you like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow_provider_sam._compat import ResolveMixin, TaskGroup
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.task_groups.chain import LAND, SUBMIT, RoundTasks
from airflow_provider_sam.task_groups.options import GroupOptions, RecipeOptions, TableOptions, check_names, pick
from airflow_provider_sam.task_groups.rounds import check_one_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Unpack

    from airflow_provider_sam._compat import Context, ObjectStoragePath, XComArg
    from airflow_provider_sam.task_groups.options import SamBatchOptions, TaskArguments, WaitArguments
    from airflow_provider_sam.tasks.rows import Defaults, RowRequests, Rows


class SamBatchGroup(TaskGroup):
    """The tasks of one batch; `sam_batch` makes it."""

    @property
    def output(self) -> XComArg:
        """The manifest, as what the last task returns; of a dry run its report."""
        child_id = cast("Any", self).child_id
        last = self.children.get(child_id(LAND)) or self.children[child_id(SUBMIT)]
        output: XComArg = cast("Any", last).output
        return output


def sam_batch(
    group_id: str,
    *,
    path: str | ObjectStoragePath | XComArg,
    requests: Iterable[Mapping[str, Any] | str]
    | XComArg
    | Callable[[Context], Iterable[Mapping[str, Any] | str]]
    | None = None,
    input_path: str | ObjectStoragePath | XComArg | None = None,
    rows: Rows | RowRequests | Any = None,
    defaults: Defaults | None = None,
    rounds: int = 1,
    round_overrides: Defaults | Sequence[Defaults] = (),
    submit_args: TaskArguments | None = None,
    wait_args: WaitArguments | None = None,
    land_args: TaskArguments | None = None,
    **options: Unpack[SamBatchOptions],
) -> SamBatchGroup:
    """Add a task group that submits a batch, waits for it and lands its results; `output` of it is the manifest.

    Give one of `requests`, `input_path` and `rows`. All other options are those of the classes that the tasks are made
    of, under the same names, and go to each task that takes them: `SamCreateBatchOperator` for `requests`, and
    `ObjectStorageToSamBatchOperator` for the other two; `SamBatchSensor`; and `SamBatchToObjectStorageOperator`. What
    is templated there is templated here. `default_args` and the like are those of Airflow's task group.

    :param group_id: of the task group.
    :param path: where the results go: a file, or for one round of `requests` or `input_path` a directory (templated).
    :param requests: the requests of one batch, as `SamCreateBatchOperator` takes them.
    :param input_path: JSONL files of requests, as `ObjectStorageToSamBatchOperator` takes them as its `path`
        (templated).
    :param rows: a table, of which each row becomes a request; the results are a table too.
    :param defaults: parameters such as `model` or `max_tokens` for the requests that lack them.
    :param rounds: how often what has failed is sent at most, counting the first time. Whatever the first rounds leave
        undone, each later one sends what has expired, was canceled, or has failed for no reason of its own; with
        `treat_stop_reasons_as_failed` also what has stopped too early. A round that has nothing to send is skipped, and
        those after it. There is one file and one manifest in the end, judged by `fail_on_partial_error` and
        `max_failed_ratio`. The rounds before the last land beside it, in `_rounds/round-1/` and so on.
    :param round_overrides: parameters that requests get in later rounds in place of their own, such as another `model`
        or a higher `max_tokens`: one mapping, or a list with one for each round from the second on, of which the last
        counts for those that follow too. They do not change what a row counts as, for `reuse` either.
    :param submit_args: what all tasks take, such as `retries`, `pool` or `executor_config`, for those that submit.
    :param wait_args: the same for those that wait, and their `visibility_timeout`.
    :param land_args: the same for those that land. `outlets` are the last one's alone.
    :param options: see above. With `dry_run`, the group submits nothing, and consists of the one task that says so.

    :raises TypeError: there is no such option.
    :raises SamRequestError: options contradict each other.
    """
    check_names(options)
    inputs = {"requests": requests, "input_path": input_path, "rows": rows}
    _check_inputs(inputs, options)
    overrides = _overrides_of(round_overrides, rounds)
    if (rounds > 1 or rows is not None) and not isinstance(path, ResolveMixin):
        check_one_file(path)
    tasks = RoundTasks(
        path=path,
        inputs={**inputs, "defaults": defaults},
        options=options,
        submit_args=submit_args or {},
        wait_args=wait_args or {},
        land_args=land_args or {},
    )
    group = SamBatchGroup(group_id, **pick(options, GroupOptions))
    with group:
        tasks.add(overrides)
    return group


def _check_inputs(inputs: Mapping[str, object], options: Mapping[str, Any]) -> None:
    given = [name for name, value in inputs.items() if value is not None]
    if len(given) != 1:
        problem = f"got {' and '.join(given)}" if given else "got none of them"
        raise SamRequestError(f"give one of requests=, input_path= and rows=; {problem}")
    if given != ["rows"] and (needless := pick(options, RecipeOptions, TableOptions)):
        raise SamRequestError(f"{', '.join(needless)} belong to rows=, which is missing")


def _overrides_of(given: Any, rounds: int) -> list[Any]:
    """Return the overrides of each round from the second on.

    :raises SamRequestError: there are more than rounds, or there is no round at all.
    """
    if rounds < 1:
        raise SamRequestError(f"rounds is {rounds}; the first one counts too, so it is at least 1")
    of_each = [*given] if isinstance(given, (list, tuple)) else [given]
    if len(of_each) > max(rounds - 1, 0):
        raise SamRequestError(
            f"round_overrides has parameters for {len(of_each)} later rounds, and rounds={rounds} has {rounds - 1}"
        )
    of_each = of_each or [None]
    return [of_each[min(number, len(of_each) - 1)] for number in range(rounds - 1)]

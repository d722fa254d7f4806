"""What a task group passes on to its tasks: each option once, by the tasks that take it.

What an option means stands with the class that takes it. Each dictionary here is also what the group goes by when it
hands options out, so an option that is declared reaches its task, and no other is taken.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from airflow_provider_sam._compat import ObjectStoragePath, XComArg
    from airflow_provider_sam.batches.wait.event import OnCanceled
    from airflow_provider_sam.rows.requests.recipe import Prompt


class RecipeOptions(TypedDict, total=False):
    """What makes requests of rows, which all rounds have in common."""

    id_column: str | Sequence[str] | None
    prompt: Prompt | None
    messages: Sequence[Mapping[str, Any]] | None
    output_type: Any
    dedupe: bool
    reuse: str | ObjectStoragePath | Mapping[str, Any] | Sequence[Any] | XComArg | None


class FirstSubmitOptions(TypedDict, total=False):
    """Of the task that submits the first round."""

    adopt_batch_id: str | None
    dry_run: bool


class SubmitOptions(TypedDict, total=False):
    """Of the tasks that submit."""

    max_requests: int | str | None
    max_input_tokens: int | str | None
    token_samples: int
    on_empty: Literal["fail", "skip"]
    resubmit: bool
    visibility_timeout: float
    prove_within: float | None


class WaitOptions(TypedDict, total=False):
    """Of the tasks that wait."""

    start_from_trigger: bool
    on_canceled: OnCanceled
    cancel_on_timeout: bool
    cancel_on_kill: bool
    poke_interval: float
    timeout: float
    mode: Literal["poke", "reschedule"]
    exponential_backoff: bool
    max_wait: timedelta | float | None
    soft_fail: bool
    silent_fail: bool
    never_fail: bool


class LandOptions(TypedDict, total=False):
    """Of the tasks that land results."""

    format: Literal["jsonl", "parquet", "csv"] | None
    delete_after_publish: bool


class TableOptions(TypedDict, total=False):
    """Of the tasks that land a table, for which there must be rows."""

    columns: Sequence[str] | XComArg | None
    on_unanswered: Literal["error", "keep"]
    keep_raw: str | ObjectStoragePath | XComArg | None


class LastLandOptions(TypedDict, total=False):
    """Of the task that lands the last round, and judges what all of them have brought."""

    overwrite: Literal["error", "replace", "skip-if-complete"]
    fail_on_partial_error: bool
    max_failed_ratio: float | None


class SharedSubmitOptions(TypedDict, total=False):
    """Of the tasks that submit, and of others under the same name."""

    deferrable: bool
    treat_stop_reasons_as_failed: Sequence[str]
    storage_conn_id: str | None
    state_path: str | ObjectStoragePath | None
    betas: Sequence[str] | None
    sam_conn_id: str


class SharedWaitOptions(TypedDict, total=False):
    """Of the tasks that wait, and of others under the same name."""

    deferrable: bool
    sam_conn_id: str


class SharedLandOptions(TypedDict, total=False):
    """Of the tasks that land results, and of others under the same name."""

    treat_stop_reasons_as_failed: Sequence[str]
    storage_conn_id: str | None
    state_path: str | ObjectStoragePath | None
    betas: Sequence[str] | None
    sam_conn_id: str


class GroupOptions(TypedDict, total=False):
    """Of the task group itself, as Airflow takes them."""

    default_args: dict[str, Any]
    prefix_group_id: bool
    tooltip: str
    ui_color: str
    ui_fgcolor: str
    add_suffix_on_collision: bool


class SamBatchOptions(
    RecipeOptions,
    FirstSubmitOptions,
    SubmitOptions,
    WaitOptions,
    LandOptions,
    TableOptions,
    LastLandOptions,
    SharedSubmitOptions,
    SharedWaitOptions,
    SharedLandOptions,
    GroupOptions,
    total=False,
):
    """What `sam_batch` takes beside its own arguments."""


class TaskArguments(TypedDict, total=False):
    """What every task takes, as Airflow defines it, and may be another for each kind of the group's tasks."""

    owner: str
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: bool
    max_retry_delay: timedelta | float | None
    execution_timeout: timedelta | None
    pool: str | None
    pool_slots: int
    priority_weight: int
    weight_rule: str
    queue: str
    executor: str | None
    executor_config: dict[str, Any] | None
    run_as_user: str | None
    depends_on_past: bool
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    on_execute_callback: Any
    on_failure_callback: Any
    on_success_callback: Any
    on_retry_callback: Any
    on_skipped_callback: Any
    inlets: Any
    outlets: Any
    doc_md: str | None


class WaitArguments(TaskArguments, total=False):
    """What the tasks that wait take beside what all do, and means another thing for those that submit."""

    visibility_timeout: float


def check_names(given: Collection[str]) -> None:
    """Check that there are such options, when the Dag is parsed.

    :raises TypeError: there is none of a name.
    """
    known = SamBatchOptions.__annotations__
    for name in given:
        if name not in known:
            close = get_close_matches(name, [*known, "input_path", "path", "requests", "rounds", "rows"], 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"sam_batch() got an unexpected keyword argument {name!r}{hint}")


def pick(given: Mapping[str, Any], *kinds: type) -> dict[str, Any]:
    """Return the options of some kinds.

    :param kinds: dictionaries of this module.
    """
    wanted = {name for kind in kinds for name in kind.__annotations__}
    return {name: value for name, value in given.items() if name in wanted}

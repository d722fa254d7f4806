"""A task group is the tasks one would write oneself: in order, with all that was asked for, and checked at once."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, TaskGroup

from airflow_provider_sam._compat import AirflowException, BaseOperator, BaseSensorOperator, XComArg
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.task_groups import options as kinds
from airflow_provider_sam.task_groups.batch import SamBatchGroup, sam_batch
from airflow_provider_sam.tasks.rows import RowRequests
from tests.test_public_api import definition

PATH = "s3://lake/out.jsonl"
RECIPE: dict[str, Any] = {"id_column": "id", "prompt": "Good? {review}"}
IN_TURN, AFTER_ALL = "all_success", "none_failed_min_one_success"

ONE_ROUND = {"submit": (set(), IN_TURN), "wait": ({"submit"}, IN_TURN), "land": ({"submit", "wait"}, IN_TURN)}
THREE_ROUNDS = {
    "submit": (set(), IN_TURN),
    "wait": ({"submit"}, IN_TURN),
    "land_1": ({"submit", "wait"}, IN_TURN),
    "submit_2": ({"land_1"}, IN_TURN),
    "wait_2": ({"submit_2"}, IN_TURN),
    "land_2": ({"submit_2", "wait_2", "land_1"}, IN_TURN),
    "submit_3": ({"land_2"}, IN_TURN),
    "wait_3": ({"submit_3"}, IN_TURN),
    "land": ({"submit_3", "wait_3", "land_1", "land_2"}, AFTER_ALL),
}


@pytest.fixture
def dag():
    with DAG("group", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
        yield dag


def tasks_in(dag, group):
    """Return the tasks of a group by their names in it, with what they wait for there, and their rules."""
    prefix = f"{group}."
    return {
        task.task_id.removeprefix(prefix): (
            {each.removeprefix(prefix) for each in task.upstream_task_ids},
            str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        )
        for task in dag.tasks
        if task.task_id.startswith(prefix)
    }


def task_of(dag, name, group="g"):
    return dag.get_task(f"{group}.{name}")


@pytest.mark.parametrize(
    ("arguments", "tasks"),
    [
        ({"requests": ["a"]}, ONE_ROUND),
        ({"input_path": "s3://lake/in.jsonl"}, ONE_ROUND),
        ({"rows": [], **RECIPE}, ONE_ROUND),
        ({"requests": ["a"], "rounds": 3}, THREE_ROUNDS),
        ({"input_path": "s3://lake/in.jsonl", "rounds": 3}, THREE_ROUNDS),
        ({"rows": [], **RECIPE, "rounds": 3}, THREE_ROUNDS),
        ({"requests": ["a"], "rounds": 3, "dry_run": True}, {"submit": (set(), IN_TURN)}),
    ],
)
def test_each_round_follows_the_one_before_it_and_the_last_task_is_the_same_for_any_number_of_rounds(
    dag, arguments, tasks
):
    group = sam_batch("g", path=PATH, **arguments)
    assert tasks_in(dag, "g") == tasks
    assert isinstance(group, TaskGroup)
    assert isinstance(group, SamBatchGroup)
    assert isinstance(group.output, XComArg)
    assert group.output.operator is task_of(dag, list(tasks)[-1])


def test_a_group_is_set_in_dependencies_and_nested_like_any_other(dag):
    before, after = (BaseOperator(task_id=name) for name in ("before", "after"))
    with TaskGroup("outer"):
        before >> sam_batch("inner", requests=["a"], path=PATH, rounds=2) >> after
    assert task_of(dag, "submit", "outer.inner").upstream_task_ids == {"before"}
    assert after.upstream_task_ids == {"outer.inner.land"}


def test_the_rule_of_the_dag_is_one_for_the_first_task_alone(dag):
    sam_batch("g", requests=["a"], path=PATH, rounds=3, default_args={"trigger_rule": "all_done", "retries": 7})
    rules = {name: rule for name, (_, rule) in tasks_in(dag, "g").items()}
    assert rules == {name: rule for name, (_, rule) in THREE_ROUNDS.items()} | {"submit": "all_done"}
    assert {task.retries for task in dag.tasks} == {7}


def test_an_upstream_output_is_what_the_tasks_that_use_it_wait_for(dag):
    made = BaseOperator(task_id="made").output
    sam_batch("g", rows=made, **RECIPE, path=PATH, rounds=2)
    uses = {name for name, (upstream, _) in tasks_in(dag, "g").items() if "made" in upstream}
    assert uses == {"submit", "land_1", "submit_2", "land"}


def test_options_reach_each_task_that_takes_them(dag):
    sam_batch(
        "g",
        rows=[],
        **RECIPE,
        path=PATH,
        rounds=2,
        round_overrides={"max_tokens": 9},
        reuse=PATH,
        columns=["id"],
        keep_raw="s3://lake/raw.jsonl",
        sam_conn_id="other",
        betas=["b"],
        state_path="s3://lake/state",
        max_requests="{{ params.n }}",
        visibility_timeout=3,
        adopt_batch_id="{{ params.adopt }}",
        cancel_on_kill=True,
        cancel_on_timeout=True,
        poke_interval=5,
        timeout=50,
        max_failed_ratio=0.5,
        overwrite="error",
        delete_after_publish=True,
        treat_stop_reasons_as_failed=["max_tokens"],
        submit_args={"retries": 1},
        wait_args={"retries": 2, "visibility_timeout": 4},
        land_args={"retries": 3, "outlets": []},
    )
    first, second = task_of(dag, "submit"), task_of(dag, "submit_2")
    assert isinstance(first.rows, RowRequests)
    assert {task.rows for task in dag.tasks if hasattr(task, "rows")} == {first.rows}
    for task in (first, second):
        assert (task.max_requests, task.visibility_timeout, task.retries) == ("{{ params.n }}", 3, 1)
        assert task.treat_stop_reasons_as_failed == ["max_tokens"]
    assert (first.adopt_batch_id, second.adopt_batch_id) == ("{{ params.adopt }}", None)
    assert (first.overrides.value, second.overrides.value) == (None, {"max_tokens": 9})
    for name in ("wait", "wait_2"):
        wait = task_of(dag, name)
        assert (wait.cancel_on_kill, wait.cancel_on_timeout, wait.poke_interval, wait.timeout) == (True, True, 5, 50)
        assert (wait.visibility_timeout, wait.retries) == (4, 2)
    between, last = task_of(dag, "land_1"), task_of(dag, "land")
    for landing in (between, last):
        assert (landing.columns, landing.delete_after_publish, landing.retries) == (["id"], True, 3)
    assert (between.max_failed_ratio, between.overwrite) == (None, "skip-if-complete")
    assert (last.max_failed_ratio, last.overwrite) == (0.5, "error")
    assert {task.sam_conn_id for task in dag.tasks} == {"other"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), [None, None, None]),
        ({"max_tokens": 9}, [{"max_tokens": 9}] * 3),
        ([{"max_tokens": 9}, {"model": "m"}], [{"max_tokens": 9}, {"model": "m"}, {"model": "m"}]),
        ([{"model": "m"}, {}, {"model": "n"}], [{"model": "m"}, {}, {"model": "n"}]),
    ],
)
def test_later_rounds_have_overrides_of_their_own(dag, given, expected):
    sam_batch("g", requests=["a"], path=PATH, rounds=4, round_overrides=given)
    found = [task_of(dag, f"submit_{number}").overrides.value for number in (2, 3, 4)]
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"promt": "a"}, TypeError, "unexpected keyword argument 'promt'; did you mean 'prompt'?"),
        ({"task_id": "a"}, TypeError, "unexpected keyword argument 'task_id'"),
        ({"requests": None}, SamRequestError, "give one of requests=, input_path= and rows=; got none of them"),
        ({"rows": [], **RECIPE}, SamRequestError, "and rows=; got requests and rows"),
        ({"id_column": "id", "keep_raw": PATH}, SamRequestError, "id_column, keep_raw belong to rows=, which is miss"),
        ({"rounds": 0}, SamRequestError, "rounds is 0; the first one counts too, so it is at least 1"),
        ({"rounds": 2, "path": "s3://lake/out/"}, SamRequestError, "'s3://lake/out/' is a directory; rows and several"),
        ({"requests": None, "rows": [], **RECIPE, "path": "s3://lake/out/"}, SamRequestError, "is a directory; rows"),
        ({"round_overrides": {"model": "m"}}, SamRequestError, "for 1 later rounds, and rounds=1 has 0"),
        ({"rounds": 2, "round_overrides": [{}, {}]}, SamRequestError, "for 2 later rounds, and rounds=2 has 1"),
    ],
)
@pytest.mark.usefixtures("dag")
def test_what_cannot_be_is_refused_when_the_dag_is_parsed(arguments, error, said):
    with pytest.raises(error, match=re.escape(said)):
        sam_batch("g", **{"requests": ["a"], "path": PATH, **arguments})


@pytest.mark.parametrize("name", ["submit_args", "wait_args", "land_args"])
@pytest.mark.usefixtures("dag")
def test_arguments_that_no_task_takes_are_refused_too(name):
    with pytest.raises((TypeError, AirflowException), match="retrys"):
        sam_batch("g", requests=["a"], path=PATH, **{name: {"retrys": 1}})


def parameters(module, name):
    """Return what a class takes, as its source says, by name."""
    _, statement = definition(f"airflow_provider_sam.{module}", name)
    (init,) = (each for each in statement.body if getattr(each, "name", "") == "__init__")
    return {each.arg: each.annotation for each in init.args.kwonlyargs}


SUBMIT = parameters("transfers.object_storage_to_batch", "ObjectStorageToSamBatchOperator")
CREATE = parameters("operators.batch", "SamCreateBatchOperator")
WAIT = parameters("sensors.batch", "SamBatchSensor")
LAND = parameters("transfers.batch_to_object_storage", "SamBatchToObjectStorageOperator")
SET_BY_THE_GROUP = {
    *("path", "rows", "requests", "defaults", "overrides", "only_failed_of", "batch_id", "carry_over"),
    "visibility_timeout",  # of the wait: one of `wait_args`
}
OF_KINDS = {
    "submit": (SUBMIT, kinds.RecipeOptions, kinds.FirstSubmitOptions, kinds.SubmitOptions, kinds.SharedSubmitOptions),
    "wait": (WAIT, kinds.WaitOptions, kinds.SharedWaitOptions),
    "land": (LAND, kinds.LandOptions, kinds.TableOptions, kinds.LastLandOptions, kinds.SharedLandOptions),
}


@pytest.mark.parametrize("kind", OF_KINDS)
def test_all_that_a_task_takes_is_an_option_of_the_group(kind):
    takes, *declared = OF_KINDS[kind]
    names = {name for each in declared for name in each.__annotations__}
    assert set(takes) - names - SET_BY_THE_GROUP == set()
    others = names - set(takes)
    assert others == (others & set(inspect.signature(BaseSensorOperator.__init__).parameters))
    assert bool(others) == (kind == "wait")


def test_both_classes_that_submit_take_the_same_options():
    assert set(SUBMIT) - {"path"} == set(CREATE) - {"requests"}

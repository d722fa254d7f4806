"""What a function returns or yields becomes one batch; rows that it returns can be landed beside their answers."""

from __future__ import annotations

import csv

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.decorators import sam_batch
from airflow_provider_sam.emulator import Drop, Fault, OnDemand
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from tests.decorators.making import context_of, make, run

DEFAULTS = {"model": "sam-small", "max_tokens": 20}
PROMPTS = ["One {{ ds }}", "Two {{ ds }}"]
ROWS = [{"id": number, "text": prompt} for number, prompt in enumerate(PROMPTS)]


@pytest.fixture
def arguments(sam, tmp_path):  # noqa: ARG001 - the connection leads there
    return {"defaults": DEFAULTS, "state_path": (tmp_path / "state").as_uri()}


def listed(prompts):
    return prompts


def yielded(prompts):
    yield from prompts


async def awaited(prompts):
    return prompts


async def yielded_in_a_loop(prompts):
    for prompt in prompts:
        yield prompt


def sent_in(sam, batch_id):
    return [params["messages"][0]["content"] for _, params in sam.batch_requests(batch_id)]


@pytest.mark.parametrize("function", [listed, yielded, awaited, yielded_in_a_loop])
def test_each_request_that_a_function_gives_is_sent_and_none_of_it_is_a_template(sam, arguments, function):
    task = make(sam_batch(**arguments)(function), PROMPTS)  # whose arguments, which are templates, are not rendered
    assert sent_in(sam, task.execute(context_of(task))) == PROMPTS
    assert [batch.requests for batch in sam.batches] == [2]


@pytest.mark.parametrize("function", [listed, yielded, yielded_in_a_loop])
def test_rows_become_requests_and_are_landed_beside_their_answers(sam, arguments, tmp_path, function):
    decorated = sam_batch(id_column="id", prompt="About {day}", **arguments)(function)
    task = make(decorated, [{"id": 1, "day": "{{ ds }}"}, {"id": 2, "day": "b"}])
    land = SamBatchToObjectStorageOperator(
        task_id="land",
        batch_id="known_when_it_runs",
        path=(tmp_path / "table.csv").as_uri(),
        rows=task.output,
        columns=["day"],
        state_path=arguments["state_path"],
    )
    land.batch_id = run(task)
    assert sent_in(sam, land.batch_id) == ["About 2026-01-02", "About b"]
    manifest = run(land)
    assert manifest["table"]["rows"] == 2
    with (tmp_path / "table.csv").open(newline="") as file:
        assert [row["day"] for row in csv.DictReader(file)] == ["2026-01-02", "b"]


def test_a_retry_finds_the_batch_that_was_created(sam, arguments):
    decorated = sam_batch(**arguments)(yielded)
    assert run(make(decorated, ["One"])) == run(make(decorated, ["One"])) == sam.batches[0].id
    assert len(sam.batches) == 1


def test_a_task_that_left_its_worker_calls_its_function_again(sam, arguments):
    from airflow.providers.common.compat.sdk import TaskDeferred

    from airflow_provider_sam.batches.wait.event import BatchEvent

    sam.progress = OnDemand()
    sam.faults.add(Fault(Drop(accepted=True), operation="messages_batches_create"))
    decorated = sam_batch(visibility_timeout=0.01, **arguments)(yielded)
    with pytest.raises(TaskDeferred) as left:
        run(make(decorated, ["One"]))
    sam.end_batch(sam.batches[0].id)
    task = make(decorated, ["One"])
    event = BatchEvent(outcome="ended", batches=()).dump()
    assert getattr(task, left.value.method_name)(context_of(task), event=event) == sam.batches[0].id
    assert len(sam.batches) == 1


def test_arguments_of_the_operator_go_along(sam, arguments):
    decorated = sam_batch(dry_run=True, max_requests="{{ params.get('most', 5) }}", **arguments)(listed)
    assert run(make(decorated, PROMPTS))["requests"] == 2
    assert not sam.batches


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"requests": PROMPTS}, "@task.sam_batch takes no requests: its function returns them"),
        ({"rows": ROWS}, "@task.sam_batch takes no rows: its function returns them"),
        ({"output_type": int}, "rows need an id_column"),
        ({"prompt": "{text}"}, "rows need an id_column"),
        ({"multiple_outputs": True}, "returns the id of a batch, which multiple_outputs cannot take apart"),
    ],
)
def test_arguments_that_contradict_the_function_are_refused(given, said):
    with pytest.raises(SamRequestError, match=said):
        make(sam_batch(**given)(listed), PROMPTS)

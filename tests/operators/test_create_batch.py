"""The operator creates one batch of what it is given, whatever breaks, and none of what is not as it should be."""

from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sam._compat import AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.store import store as state
from airflow_provider_sam.batches.submit import submitter as submitting
from airflow_provider_sam.batches.wait.event import BatchEvent
from airflow_provider_sam.emulator import Drop, Fault, OnDemand
from airflow_provider_sam.exceptions import (
    SamBudgetError,
    SamStateError,
    SamSubmissionError,
    SamSubmissionUnprovenError,
    SamWaitError,
)
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.tasks import submit as submit_task

CREATE = "messages_batches_create"
TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="create", map_index=-1, max_tries=0)
DEFAULTS = {"model": "sam-small", "max_tokens": 20}


@pytest.fixture
def create(sam, tmp_path):  # noqa: ARG001 - the connection leads there
    def create(requests, *, ti=TI, **arguments):
        arguments = {"state_path": tmp_path.as_uri(), "visibility_timeout": 0.01, **arguments}
        return SamCreateBatchOperator(task_id="create", requests=requests, **arguments).execute({"ti": ti})

    return create


def resumed(operator, deferred, outcome="ended"):
    """Take a task up again after its trigger has fired."""
    event = BatchEvent(outcome=outcome, batches=(), message="The trigger's words.").dump()
    return getattr(operator, deferred.method_name)({"ti": TI}, event=event)


def test_a_lost_answer_leaves_the_worker_until_the_batch_tells_whose_it_is(sam, requests, tmp_path):
    sam.progress = OnDemand()
    operator = SamCreateBatchOperator(task_id="create", requests=requests, state_path=tmp_path.as_uri())
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    with pytest.raises(TaskDeferred) as left:
        operator.execute({"ti": TI})
    (batch,) = sam.batches
    trigger = left.value.trigger
    assert (trigger.batch_ids, trigger.sam_conn_id, trigger.cancel_on_kill) == ([batch.id], "sam_default", False)
    assert trigger.deadline == batch.expires_at.timestamp() + 3600
    assert trigger.deadline < time.time() + left.value.timeout.total_seconds() < trigger.deadline + 1000
    sam.end_batch(batch.id)
    assert resumed(operator, left.value) == operator.execute({"ti": TI}) == batch.id
    assert len(sam.batches) == 1


def test_a_batch_that_does_not_end_in_time_is_an_error_and_never_another_batch(sam, requests, tmp_path):
    sam.progress = OnDemand()
    arguments = {"task_id": "create", "requests": requests, "state_path": tmp_path.as_uri()}
    operator = SamCreateBatchOperator(**arguments)
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    with pytest.raises(TaskDeferred) as left:
        operator.execute({"ti": TI})
    with pytest.raises(SamSubmissionError, match=f"{sam.batches[0].id}.*has not ended in time.*adopt_batch_id"):
        resumed(operator, left.value, "timeout")
    with pytest.raises(SamSubmissionError, match="has not ended in time"):
        SamCreateBatchOperator(**arguments, prove_within=0).execute({"ti": TI})
    with pytest.raises(SamWaitError, match="The trigger's words"):
        resumed(operator, left.value, "error")
    with pytest.raises(SamWaitError):
        operator.resume({"ti": TI}, event=None)
    assert (
        SamCreateBatchOperator(**arguments, adopt_batch_id=sam.batches[0].id).execute({"ti": TI}) == sam.batches[0].id
    )
    assert len(sam.batches) == 1


def test_a_task_that_may_not_defer_keeps_its_worker_and_looks_again(sam, requests, tmp_path, monkeypatch):
    sam.progress = OnDemand()
    monkeypatch.setattr(submit_task, "LOOK_EVERY", 0.01)
    operator = SamCreateBatchOperator(
        task_id="create", requests=requests, state_path=tmp_path.as_uri(), deferrable=False
    )
    looks = iter(range(100))

    def end_at_the_third_look(*_):
        if next(looks) == 2:
            sam.end_batch(sam.batches[0].id)

    monkeypatch.setattr(submitting.Submitter, "pause", end_at_the_third_look)
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    assert operator.execute({"ti": TI}) == sam.batches[0].id
    assert (len(sam.batches), next(looks)) == (1, 3)


def test_a_task_that_is_not_remembered_does_not_leave_its_worker(sam, requests, monkeypatch):
    sam.progress = OnDemand()
    monkeypatch.setattr(state, "memory_for", lambda *_, **__: state.NullStore())
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    with pytest.raises(SamSubmissionUnprovenError, match="neither taken nor paid for again"):
        SamCreateBatchOperator(task_id="create", requests=requests).execute({"ti": TI})
    assert len(sam.batches) == 1


@pytest.mark.parametrize(
    ("lines", "said"), [(["{{ ds }}"], True), (["Plain"], False)], ids=["like a template", "plain"]
)
def test_the_log_says_so_when_a_prompt_looks_like_a_template(create, caplog, capsys, lines, said):
    with caplog.at_level(logging.INFO):
        create(lines, defaults=DEFAULTS)
    assert ("prompts are data, not templates" in caplog.text + capsys.readouterr().out) is said


def test_a_cleared_task_returns_its_batch_unless_it_is_to_resubmit(sam, create, requests):
    cleared = SimpleNamespace(**vars(TI) | {"max_tries": 1})
    first = create(requests)
    assert create(requests, ti=cleared) == first
    second = create(requests, ti=SimpleNamespace(**vars(TI) | {"max_tries": 2}), resubmit=True)
    assert [batch.id for batch in sam.batches] == [first, second]


PROMPTS = ["One {{ var.value.x }}", "Two {% raw %}"]


@pytest.mark.parametrize("requests", [PROMPTS, lambda _context: iter(PROMPTS)], ids=["list", "callable"])
def test_prompts_become_requests_with_the_defaults_and_arrive_unchanged(sam, create, requests):
    batch_id = create(requests, defaults=DEFAULTS)
    sent = list(sam.batch_requests(batch_id))
    assert len({name.partition("-")[0] for name, _ in sent}) == 1
    assert [(name.partition("-")[2], params) for name, params in sent] == [
        (str(number), {**DEFAULTS, "messages": [{"role": "user", "content": prompt}]})
        for number, prompt in enumerate(PROMPTS, 1)
    ]


@pytest.mark.parametrize(
    ("requests", "arguments", "refusal"),
    [
        ([], {}, (SamRequestError, "the input has no requests")),
        ([], {"on_empty": "skip"}, (AirflowSkipException, "No requests to submit")),
        (["One"], {}, (SamRequestError, r"requests\[0\]: params")),
        (["One", "Two"], {"max_requests": "1"}, (SamBudgetError, "2 requests, but max_requests is 1")),
        (["One", "Two"], {"max_requests": "one"}, (SamRequestError, "max_requests must be a whole number, got 'one'")),
        (["One"] * 30, {"max_input_tokens": 29}, (SamBudgetError, r"about \d+ input tokens, estimated from 20 of 30")),
    ],
)
def test_an_input_that_is_not_as_it_should_be_sends_nothing(sam, create, requests, arguments, refusal):
    error, problem = refusal
    defaults = DEFAULTS if len(requests) > 1 else None
    with pytest.raises(error, match=problem):
        create(requests, defaults=defaults, **arguments)
    assert sam.count(CREATE) == 0


def test_stream_false_is_taken_for_what_it_is_and_true_is_refused(sam, create, requests):
    requests[0]["params"]["stream"] = False
    batch_id = create(requests)
    assert [name for name, _ in sam.batch_requests(batch_id)] == [request["custom_id"] for request in requests]
    requests[0]["params"]["stream"] = True
    with pytest.raises(SamRequestError, match="stream"):
        create(requests)
    assert len(sam.batches) == 1


def test_tokens_are_estimated_from_as_many_requests_as_asked_for(sam, create):
    create(["One"] * 30, defaults=DEFAULTS, max_input_tokens="1000000", token_samples=3)
    assert sam.count("messages_count_tokens") == 3


def test_more_requests_than_a_batch_takes_name_the_operator_that_splits_them(sam, create, requests, monkeypatch):
    connection = json.loads(sam.connection_json) | {"extra": {"max_batch_requests": 2}}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection))
    with pytest.raises(SamRequestError, match=r"5 requests exceed the limit of one batch.*ObjectStorageToSam"):
        create(requests)


def test_the_connection_may_give_the_state_path(sam, create, requests, monkeypatch, tmp_path):
    connection = json.loads(sam.connection_json) | {"extra": {"state_path": (tmp_path / "state").as_uri()}}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection))
    batch_id = create(requests, state_path=None)
    assert (tmp_path / "state" / "claims" / f"{batch_id}.json").exists()


def test_a_record_that_cannot_be_read_is_an_error_and_sends_nothing(sam, create, requests, tmp_path):
    create(requests)
    (record,) = (tmp_path / "dag").rglob("*.json")
    record.write_text('{"version": 3}')
    with pytest.raises(SamStateError, match="has version 3; this provider reads versions 1 and 2"):
        create(requests)
    assert sam.count(CREATE) == 1


def test_a_task_that_is_killed_while_it_sends_leaves_no_batch(sam, requests, tmp_path):
    operator = SamCreateBatchOperator(task_id="create", requests=requests, state_path=tmp_path.as_uri())

    def give(_context):
        yield requests[0]
        operator.on_kill()
        yield requests[1]

    operator.requests = type(operator.requests)(give)
    with pytest.raises(SamRequestError, match="the task was told to end while it was submitting"):
        operator.execute({"ti": TI})
    assert sam.batches == ()
    operator.on_kill()

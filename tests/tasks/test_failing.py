"""Each task ends at once where no retry can help, and says so to Airflow by the class of its error."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES, AirflowFailException
from airflow_provider_sam.api import errors
from airflow_provider_sam.emulator import Drop, Fault, Status
from airflow_provider_sam.operators.batch import SamCancelBatchOperator, SamCreateBatchOperator, SamDeleteBatchOperator
from airflow_provider_sam.operators.completion import SamCreateCompletionOperator
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.tasks.failing import end_at_once, fails_as_it_should
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator
from tests.api.test_errors import TREE, data, example

MESSAGE = {"prompt": "Hello", "model": "sam-small"}


def tasks(folder):
    """One task of each kind that calls the API, and the operation that it calls first."""
    state = (folder / "state").as_uri()
    (folder / "in.jsonl").write_text('{"params": {"model": "m", "max_tokens": 5, "messages": []}}\n', encoding="utf-8")
    return {
        "message": (SamCreateMessageOperator(task_id="t", max_tokens=5, **MESSAGE), "messages_create"),
        "stream": (SamCreateMessageOperator(task_id="t", max_tokens=5, stream=True, **MESSAGE), "messages_create"),
        "count": (SamCountTokensOperator(task_id="t", **MESSAGE), "messages_count_tokens"),
        "completion": (
            SamCreateCompletionOperator(task_id="t", prompt="Hello", model="sam-small", max_tokens_to_sample=5),
            "complete_create",
        ),
        "create": (
            SamCreateBatchOperator(
                task_id="t", requests=["Hello"], defaults={"model": "m", "max_tokens": 5}, state_path=state
            ),
            "messages_batches_list",
        ),
        "path": (
            ObjectStorageToSamBatchOperator(task_id="t", path=(folder / "in.jsonl").as_uri(), state_path=state),
            "messages_batches_create",
        ),
        "cancel": (SamCancelBatchOperator(task_id="t", batch_id="msgbatch_1"), "messages_batches_cancel"),
        "delete": (SamDeleteBatchOperator(task_id="t", batch_id="msgbatch_1"), "messages_batches_delete"),
        "land": (
            SamBatchToObjectStorageOperator(
                task_id="t", batch_id="msgbatch_1", path=(folder / "out.jsonl").as_uri(), state_path=state
            ),
            "messages_batches_retrieve",
        ),
    }


KINDS = ["message", "stream", "count", "completion", "create", "path", "cancel", "delete", "land"]


@pytest.fixture
def context():
    return {"ti": SimpleNamespace(dag_id="dag", run_id="run", task_id="t", map_index=-1, max_tries=0)}


def failure(folder, kind, sam, fault, context):
    task, operation = tasks(folder)[kind]
    sam.faults.add(Fault(fault, operation=operation))
    with pytest.raises(errors.SamError) as failed:
        task.execute(context)
    return failed.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "cls"),
    [
        (Status(401), errors.SamAuthenticationError),
        (Status(402), errors.SamBillingError),
        (Status(403), errors.SamPermissionError),
        (Status(429, details={"error_code": "enforced_spend_limit_reached"}), errors.SamSpendLimitError),
    ],
    ids=["key", "bill", "right", "cap"],
)
def test_a_refused_key_and_a_spent_budget_end_every_task_at_once(sam, kind, fault, cls, tmp_path, context):
    error = failure(tmp_path, kind, sam, fault, context)
    assert isinstance(error, cls)
    assert isinstance(error, AirflowFailException)


@pytest.mark.parametrize("kind", ["message", "stream", "count", "completion", "create", "path"])
@pytest.mark.parametrize("status", [400, 404, 413])
def test_what_the_api_will_never_take_ends_a_task_at_once(sam, kind, status, tmp_path, context):
    if (kind, status) != ("create", 404):  # where the list is not found, it may be later
        assert isinstance(failure(tmp_path, kind, sam, Status(status), context), AirflowFailException)


@pytest.mark.parametrize("kind", KINDS)
def test_what_passes_is_retried(sam, kind, tmp_path, context):
    error = failure(tmp_path, kind, sam, Status(429, retry_after=3600), context)
    assert (type(error), error.retry_after) == (errors.SamRateLimitError, 3600)


@pytest.mark.parametrize("kind", ["cancel", "delete", "land"])
def test_a_batch_that_is_not_found_may_be_found_later(sam, kind, tmp_path, context):
    assert type(failure(tmp_path, kind, sam, Status(404), context)) is errors.SamNotFoundError


@pytest.mark.usefixtures("sam")
@pytest.mark.parametrize(
    "task",
    [
        SamCreateMessageOperator(task_id="t", prompt="Hello", model="sam-small"),
        SamCreateBatchOperator(task_id="t", requests=[{"params": {}}]),
        SamCancelBatchOperator(task_id="t", batch_id="../x"),
        SamBatchSensor(task_id="t", batch_id="../x", deferrable=False),
        SamBatchToObjectStorageOperator(task_id="t", batch_id="../x", path="file:///x.jsonl", state_path="file:///s"),
    ],
    ids=lambda task: type(task).__name__,
)
def test_invalid_input_ends_a_task_at_once(task, context):
    with pytest.raises(errors.SamRequestError) as failed:
        task.execute(context)
    assert isinstance(failed.value, AirflowFailException)


@pytest.mark.usefixtures("sam")
def test_input_that_is_not_there_yet_is_looked_for_again(tmp_path, context):
    with pytest.raises(
        errors.SamRequestError, match=r"does not exist\. Nothing was sent; a retry looks for it again"
    ) as failed:
        ObjectStorageToSamBatchOperator(task_id="t", path=(tmp_path / "later.jsonl").as_uri()).execute(context)
    assert not isinstance(failed.value, AirflowFailException)


def test_no_refusal_ends_a_task_that_may_have_created_a_batch(sam, tmp_path, context):
    task, _ = tasks(tmp_path)["create"]
    task.visibility_timeout = 0.0
    sam.faults.add(Fault(Drop(accepted=True), operation="messages_batches_create"))
    sam.faults.add(Fault(Status(401), operation="messages_batches_list", nth=2))
    with pytest.raises(errors.SamAuthenticationError, match="a retry looks for it before it sends anything") as failed:
        task.execute(context)
    assert not isinstance(failed.value, AirflowFailException)


def test_a_task_waits_as_told_where_airflow_can_unless_it_has_a_policy_of_its_own(sam, context):
    sam.faults.add(Fault(Status(529, retry_after=3600), operation="messages_create", times=2))
    tasks = [SamCreateMessageOperator(task_id="t", max_tokens=5, **MESSAGE) for _ in range(2)]
    tasks[1].retry_policy = "mine"
    for task in tasks:
        with pytest.raises(errors.SamOverloadedError):
            task.execute(context)
    policy = type(getattr(tasks[0], "retry_policy", None)).__name__
    assert policy == ("SamRetryPolicy" if TASKS_TAKE_RETRY_POLICIES else "NoneType")
    assert tasks[1].retry_policy == "mine"


@pytest.mark.parametrize("cls", TREE)
def test_an_error_that_ends_its_task_stays_what_it_is(cls):
    error = example(cls)
    said, held = str(error), data(error)
    end_at_once(error)
    end_at_once(error)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    for each in (error, twin):
        assert isinstance(each, cls)
        assert isinstance(each, AirflowFailException)
        assert (type(each).__name__, str(each), data(each)) == (cls.__name__, said, held)


def test_errors_of_others_pass():
    @fails_as_it_should
    def execute(_task):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        execute(None)

"""A batch is created once and canceled when asked, as the task says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError, SamStatusError
from airflow_provider_sam.emulator import AfterLooks, Drop, Fault, OnDemand, Status
from airflow_provider_sam.operators.batch import SamCancelBatchOperator, SamCreateBatchOperator, SamDeleteBatchOperator
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator


@pytest.fixture
def create(sam, tmp_path):  # noqa: ARG001 - the connection leads there
    """Creates a batch as a task would, and gives its id."""
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="create", map_index=-1, max_tries=0)

    def create(requests, **arguments):
        arguments = {"state_path": tmp_path.as_uri(), **arguments}
        return SamCreateBatchOperator(task_id="create", requests=requests, **arguments).execute({"ti": ti})

    return create


def test_the_requests_arrive_as_they_are_and_the_id_is_returned(sam, create, requests):
    requests[0]["params"]["messages"][0]["content"] = "{{ var.value.x }} {% raw %} \u2028 \x85 é"
    batch_id = create(requests)
    (batch,) = sam.batches
    assert batch.id == batch_id
    arrived = [{"custom_id": custom_id, "params": params} for custom_id, params in sam.batch_requests(batch_id)]
    assert arrived == requests


def test_a_callable_gives_the_requests_one_by_one(sam, create, requests):
    assert create(lambda context: iter(requests)) == sam.batches[0].id  # noqa: ARG005


@pytest.mark.parametrize(
    ("betas", "query", "header"),
    [(None, {}, None), ([], {"beta": "true"}, None), (["a", "b"], {"beta": "true"}, "a,b")],
)
def test_betas_choose_the_route_and_travel_in_a_header(sam, create, requests, betas, query, header):
    create(requests, betas=betas)
    (request,) = [request for request in sam.requests if request.operation == "messages_batches_create"]
    assert request.query == query
    assert request.headers.get("anthropic-beta") == header


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.clear(), "the input has no requests"),
        (lambda rows: rows[1].update(custom_id="no blanks"), r"requests\[1\].*'no blanks'"),
        (lambda rows: rows[4].update(custom_id="row-0"), r"requests\[4\].*'row-0'.*has the same custom_id"),
        (lambda rows: rows[2]["params"].pop("max_tokens"), r"requests\[2\].*'row-2'.*max_tokens missing"),
        (lambda rows: rows[2]["params"].update(stream=True), "'stream' must be false or left out"),
        (lambda rows: rows[2]["params"].update(metadata={1, 2}.__iter__()), r"requests\[2\] cannot be written as JSON"),
    ],
)
def test_what_the_api_would_not_take_is_refused_before_anything_is_sent(sam, create, requests, change, said):
    change(requests)
    with pytest.raises(SamRequestError, match=said):
        create(requests)
    assert not sam.requests


def test_a_clean_refusal_is_waited_out(sam, create, requests):
    sam.faults.add(Fault(Status(529, retry_after=0), operation="messages_batches_create", times=2))
    assert create(requests) == sam.batches[0].id
    assert len(sam.batches) == 1
    assert sam.count("messages_batches_create") == 3


def test_what_failed_is_sent_again_under_its_own_name(sam, create, requests, tmp_path):
    sam.progress = OnDemand()
    del requests[3]["custom_id"]
    batch_id = create(requests)
    names = list(dict(sam.batch_requests(batch_id)))
    sam.end_batch(batch_id, {names[1]: "expired", names[3]: "errored"})
    path = (tmp_path / "results.jsonl").as_uri()
    manifest = SamBatchToObjectStorageOperator(task_id="land", batch_id=batch_id, path=path).execute({})
    again = create(requests, only_failed_of=manifest, overrides={"max_tokens": 99}, state_path=f"{path}.state")
    sent = dict(sam.batch_requests(again))
    assert list(sent) == [names[1], names[3]]
    assert {params["max_tokens"] for params in sent.values()} == {99}
    sam.end_batch(again)
    both = SamBatchToObjectStorageOperator(task_id="land", batch_id=again, path=f"{path}.2", carry_over=manifest)
    with pytest.raises(AirflowSkipException, match="None of 5 requests failed"):
        create(requests, only_failed_of=both.execute({}))


def test_a_batch_is_canceled_and_its_status_returned(sam, create, requests):
    sam.progress = OnDemand()
    batch_id = create(requests)
    cancel = SamCancelBatchOperator(task_id="cancel", batch_id=batch_id)
    assert cancel.execute({}) == "canceling"
    assert cancel.execute({}) == "canceling"
    assert sam.batches[0].status == "canceling"


def test_a_cancellation_whose_answer_is_lost_is_asked_for_again(sam, create, requests):
    sam.progress = AfterLooks(5)
    batch_id = create(requests)
    sam.faults.add(Fault(Drop(accepted=True), operation="messages_batches_cancel"))
    assert SamCancelBatchOperator(task_id="cancel", batch_id=batch_id).execute({}) == "canceling"
    assert sam.count("messages_batches_cancel") == 2


def test_a_batch_that_has_ended_is_deleted_and_its_id_returned(sam, create, requests):
    batch_id = create(requests)
    sam.end_batch(batch_id)
    assert SamDeleteBatchOperator(task_id="delete", batch_id=batch_id).execute({}) == batch_id
    assert not sam.batches


def test_a_batch_that_has_not_ended_is_not_deleted(sam, create, requests):
    sam.progress = OnDemand()
    batch_id = create(requests)
    with pytest.raises(SamStatusError):
        SamDeleteBatchOperator(task_id="delete", batch_id=batch_id).execute({})
    assert [batch.id for batch in sam.batches] == [batch_id]


@pytest.mark.parametrize("operator", [SamCancelBatchOperator, SamDeleteBatchOperator])
@pytest.mark.parametrize("batch_id", ["", "..", "a/b", "a?b"])
def test_an_id_that_would_lead_elsewhere_is_refused_or_escaped(sam, operator, batch_id):
    with pytest.raises((SamRequestError, SamStatusError)):
        operator(task_id="task", batch_id=batch_id).execute({})
    allowed = {"messages_batches_cancel", "messages_batches_delete"}
    assert {request.operation for request in sam.requests} <= allowed


def test_default_args_reach_what_the_operators_share():
    operator = SamDeleteBatchOperator(task_id="task", batch_id="a", default_args={"sam_conn_id": "other"})
    assert operator.sam_conn_id == "other"

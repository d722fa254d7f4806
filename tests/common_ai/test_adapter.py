"""`@task.llm_batch` over the Sam API, as the provider common.ai itself runs it: no batch is paid twice."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from airflow_provider_sam._compat import AirflowFailException, ObjectStoragePath
from airflow_provider_sam.emulator import Drop, Fault, Lines, OnDemand, Status
from airflow_provider_sam.hooks.sam import SamHook

pytestmark = pytest.mark.neighbours

CREATE = "messages_batches_create"
GET = "messages_batches_retrieve"
PROMPTS = [f"Is review {number} good? {{{{ ds }}}}" for number in range(4)]


@pytest.fixture
def adapter(monkeypatch):
    """The adapter, as the provider finds it, in a hurry."""
    from airflow.providers.common.ai.batch.dispatch import get_adapter_class

    cls = get_adapter_class("sam", "sam:sam-small")
    monkeypatch.setattr(cls, "visibility_timeout", 0.01)
    return cls


@pytest.fixture
def batch(sam, adapter, tmp_path):  # noqa: ARG001 - the connection and the adapter
    """Runs one task as often as it is called, as its tries do; gives the manifest."""
    from airflow.providers.common.ai.operators.llm_batch import LLMBatchOperator

    ti = SimpleNamespace(dag_id="dag", task_id="ask", run_id="run", map_index=-1, xcom_push=lambda **_: None)

    def run(requests=PROMPTS, **arguments: Any) -> dict[str, Any]:
        arguments = {"model_id": "sam:sam-small", "llm_conn_id": "sam_default", **arguments}
        ask = LLMBatchOperator(
            task_id="ask", requests=requests, result_path=tmp_path.as_uri(), deferrable=False, **arguments
        )
        return ask.execute({"ti": ti, "task_instance": ti})

    return run


def rows(manifest):
    lines = ObjectStoragePath(manifest["result_uri"]).read_text().splitlines()
    return sorted(map(json.loads, lines), key=lambda row: row["index"])


@pytest.mark.usefixtures("adapter")
def test_the_decorator_gives_an_answer_to_each_prompt(sam, tmp_path):
    from tests.common_ai.dags.reviews import dag

    classify = dag.get_task("classify")
    classify.result_path, classify.deferrable = tmp_path.as_uri(), False
    ti = SimpleNamespace(dag_id="reviews", task_id="classify", run_id="run", map_index=-1, xcom_push=lambda **_: None)
    manifest = classify.execute({"ti": ti, "task_instance": ti})

    assert manifest["counts"]["succeeded"] == manifest["request_count"] == 2
    assert [row["output"] in {"good", "bad"} for row in rows(manifest)] == [True, True]
    (created,) = sam.batches
    prompts = [params["messages"][0]["content"] for _, params in sam.batch_requests(created.id)]
    assert prompts == ["Good or bad? It broke on the first day.", "Good or bad? I bought two more."]


def test_requests_keep_their_own_model_and_parameters(sam, batch):
    batch(
        [{"prompt": "Hello", "model": "sam:sam-large", "max_tokens": 7, "system_prompt": "Be brief."}, "Hello"],
        request_params={"temperature": 0.5},
        system_prompt="Be kind.",
    )
    (one, other) = (params for _, params in sam.batch_requests(sam.batches[0].id))
    assert (one["model"], one["max_tokens"], one["system"], one["temperature"]) == ("sam-large", 7, "Be brief.", 0.5)
    assert (other["model"], other["max_tokens"], other["system"]) == ("sam-small", 1024, "Be kind.")


def test_answers_have_the_type_that_is_asked_for(batch):
    manifest = batch(output_type=Literal["good", "bad"])
    assert {row["output"] for row in rows(manifest)} <= {"good", "bad"}
    assert manifest["counts"]["succeeded"] == 4


def test_what_has_failed_is_told_apart(sam, batch):
    sam.progress = OnDemand()
    sam.faults.add(Fault(Status(503), operation="messages_batches_list"))
    with pytest.raises(InterruptedError):
        stopped(batch)
    (created,) = sam.batches
    ids = [custom_id for custom_id, _ in sam.batch_requests(created.id)]
    sam.end_batch(created.id, {ids[0]: "expired", ids[1]: "canceled", ids[2]: {"type": "api_error", "message": "No"}})
    manifest = batch()
    assert [row["status"] for row in rows(manifest)] == ["expired", "cancelled", "error", "success"]
    assert rows(manifest)[2]["error"]["message"] == "No"
    assert len(sam.batches) == 1


def stopped(batch):
    """Run the task until it would wait, and stop it there."""

    def stop(_):
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow.providers.common.ai.operators.llm_batch.time.sleep", stop)
        batch()


def lose(sam, batch):
    """Lose the answer to the create; the batch runs on."""
    sam.progress = OnDemand()
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    with pytest.raises(Exception, match="The next try looks for it before it sends anything"):
        batch()
    (lost,) = sam.batches
    return lost.id


def test_a_lost_batch_is_found_by_its_custom_ids_and_never_paid_twice(sam, batch):
    lost = lose(sam, batch)
    with pytest.raises(Exception, match=f"{lost} is a batch of 4 requests that may be this task's"):
        batch()
    sam.end_batch(lost)
    assert batch()["batch_id"] == lost
    assert len(sam.batches) == 1


def test_a_batch_of_others_is_not_taken_however_alike(sam, batch, requests):
    sam.faults.add(Fault(Drop(), operation=CREATE))
    with pytest.raises(Exception, match="The next try looks for it"):
        batch()
    with SamHook().client as client:
        other = client.create_batch(requests[:4]).id
    assert batch()["batch_id"] != other
    assert len(sam.batches) == 2


def test_a_batch_that_is_not_found_is_waited_for_and_never_bought_again(sam, batch):
    manifest = batch()
    sam.faults.add(Fault(Status(404), operation=GET, times=None))
    with pytest.raises(Exception, match="404") as failed:
        batch()
    assert getattr(failed.value, "status_code", None) != 404
    assert not isinstance(failed.value, AirflowFailException)
    sam.faults.clear()
    assert batch()["batch_id"] == manifest["batch_id"]
    assert len(sam.batches) == 1


def test_a_short_lived_404_is_not_noticed(sam, batch, adapter, monkeypatch):
    monkeypatch.setattr(adapter, "visibility_timeout", 60.0)
    sam.faults.add(Fault(Status(404), operation=GET, times=1))
    assert batch()["counts"]["succeeded"] == 4


@pytest.mark.parametrize("what", ["missing", "torn", "duplicate", "foreign"])
def test_results_that_are_not_all_there_are_an_error_before_a_line_is_written(sam, batch, tmp_path, what):
    sam.faults.add(Fault(Lines(what, line=1), operation="messages_batches_results", times=None))
    with pytest.raises(Exception, match="the results of batch"):
        batch()
    assert not any(file.read_bytes() for file in tmp_path.glob("*.jsonl"))


@pytest.mark.parametrize(("status", "at_once"), [(401, True), (403, True), (429, False), (529, False)])
def test_a_refusal_ends_the_task_at_once_where_no_retry_can_help(sam, batch, status, at_once):
    sam.faults.add(Fault(Status(status, retry_after=3600), operation=CREATE))
    with pytest.raises(Exception, match=str(status)) as failed:
        batch()
    assert isinstance(failed.value, AirflowFailException) is at_once
    assert not sam.batches


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        (["Hello"] * 3, r"more than 2 requests; .*\.expand\(\)"),
        ([{"prompt": "Hello", "params": {"temperature": object()}}], "cannot be written as JSON"),
    ],
)
def test_what_the_api_does_not_take_is_refused_before_anything_is_sent(sam, adapter, requests, said):
    from airflow.providers.common.ai.batch.output_schema import build_output_spec
    from airflow.providers.common.ai.exceptions import LLMBatchInputError

    made = adapter(base_url=sam.url, api_key=sam.api_key)
    limits = SimpleNamespace(max_batch_requests=2, max_batch_bytes=10_000)
    made._client = SimpleNamespace(settings=SimpleNamespace(limits=limits), close=made._client.close)
    with pytest.raises(LLMBatchInputError, match=said) as failed:
        made.validate_requests(
            [{"prompt": each} if isinstance(each, str) else each for each in requests],
            model="sam-small",
            output_spec=build_output_spec(str),
            idempotency_key="k" * 16,
        )
    made.close()
    assert isinstance(failed.value, AirflowFailException)
    assert not sam.requests


async def test_a_triggerer_waits_for_the_batch(sam, batch, adapter):  # noqa: ARG001
    from airflow.providers.common.ai.triggers.llm_batch import LLMBatchTrigger

    batch_id = batch()["batch_id"]
    trigger = LLMBatchTrigger(
        llm_conn_id="sam_default",
        adapter="sam",
        batch_id=batch_id,
        poll_interval=30,
        end_time=4e9,
        cancel_on_kill=True,
        cancel_on_timeout=True,
    )
    event = await anext(trigger.run())
    assert (event.payload["status"], event.payload["batch_id"]) == ("success", batch_id)

"""A user's code as a type checker sees it: checked by mypy in strict mode, never run.

Every public name of the clients, the operators, the sensor and the transfers is used here with the types that a user
may rely on; a change that breaks one of them fails `make lint`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRateLimitError, SamStatusError, SamTransportError
from airflow_provider_sam.decorators import sam_batch, sam_message
from airflow_provider_sam.emulator import AfterLooks, Fault, SamEmulator, Status
from airflow_provider_sam.exceptions import SamBatchFailedError
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.operators.batch import SamCancelBatchOperator, SamCreateBatchOperator, SamDeleteBatchOperator
from airflow_provider_sam.operators.completion import SamCreateCompletionOperator
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator
from airflow_provider_sam.results import iter_published, read_texts
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.task_groups.batch import SamBatchGroup
from airflow_provider_sam.task_groups.batch import sam_batch as sam_batch_group
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator
from airflow_provider_sam.triggers.batch import SamBatchTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pendulum

    from airflow_provider_sam.api.params import BatchRequestParams, CompletionParams, MessageParams


def blocking(params: MessageParams, completion: CompletionParams, requests: list[BatchRequestParams]) -> None:
    """Use each method of the blocking client."""
    with SamHook("sam_default").client as client:
        text: str = client.create_message(params, betas=["b"], timeout=5.0, repeat=False).text
        tokens: int = client.count_tokens(params, retry_for=5.0).input_tokens
        with client.stream_message(params) as stream:
            pieces: list[str] = list(stream.text_stream)
            reason: str | None = stream.get_final_message().stop_reason
        batch = client.create_batch(requests, betas=())
        ended: bool = client.get_batch(batch.id).is_terminal
        expires: pendulum.DateTime = batch.expires_at
        ids: list[str] = [each.id for each in client.list_batches(limit=5).data]
        ids += [each.id for each in client.list_batch_statuses(limit=5).data]
        ids += [each.id for each in client.iter_batches(after_id=ids[0])]
        status: str = client.cancel_batch(batch.id).processing_status
        deleted: str = client.delete_batch(batch.id).id
        custom_ids: list[str] = [line.custom_id for line in client.iter_results(batch.id)]
        with client.stream_results(batch.id, offset=5) as results:
            data: bytes = b"".join(results)
        completed: str = client.create_completion(completion).completion
        with client.stream_completion(completion) as completion_stream:
            completed = completion_stream.get_final_completion().completion
        name: str = client.get_model("sam-small").display_name
        names: list[str] = [model.id for model in client.list_models().data]
        names += [model.id for model in client.iter_models()]
        remaining: str | None = client.rate_limits.get("requests-remaining")
    _ = (text, tokens, pieces, reason, ended, expires, ids, status, deleted)
    _ = (custom_ids, data, completed, name, names, remaining)


async def awaiting(params: MessageParams, completion: CompletionParams, requests: list[BatchRequestParams]) -> None:
    """Use each method of the client for event loops."""
    async with await SamHook().async_client() as client:
        text: str = (await client.create_message(params)).text
        tokens: int = (await client.count_tokens(params)).input_tokens
        async with client.stream_message(params) as stream:
            pieces: list[str] = [piece async for piece in stream.text_stream]
            text = (await stream.get_final_message()).text
        batch_id: str = (await client.create_batch(requests)).id
        ended: bool = (await client.get_batch(batch_id)).is_terminal
        ids: list[str] = [each.id for each in (await client.list_batches(before_id=batch_id)).data]
        ids += [each.id for each in (await client.list_batch_statuses(before_id=batch_id)).data]
        ids += [each.id async for each in client.iter_batches()]
        status: str = (await client.cancel_batch(batch_id)).processing_status
        deleted: str = (await client.delete_batch(batch_id)).id
        custom_ids: list[str] = [line.custom_id async for line in client.iter_results(batch_id)]
        async with client.stream_results(batch_id) as results:
            data: bytes = b"".join([chunk async for chunk in results])
        completed: str = (await client.create_completion(completion)).completion
        async with client.stream_completion(completion) as completion_stream:
            completed = (await completion_stream.get_final_completion()).completion
        name: str = (await client.get_model("sam-small")).display_name
        names: list[str] = [model.id for model in (await client.list_models()).data]
        names += [model.id async for model in client.iter_models()]
        remaining: str | None = client.rate_limits.get("requests-remaining")
    _ = (text, tokens, pieces, ended, ids, status, deleted, custom_ids, data, completed, name, names, remaining)


def offline(requests: list[BatchRequestParams]) -> int:
    """Test a Dag against the emulator, and tell failures apart."""
    with SamEmulator(progress=AfterLooks(2)) as emulator:
        emulator.faults.add(Fault(Status(529, retry_after=1), operation="messages_batches_create", times=2))
        try:
            with SamHook().client as client:
                client.create_batch(requests)
        except SamRateLimitError as limited:
            wait: float | None = limited.retry_after
            raise TimeoutError(wait) from limited
        except (SamStatusError, SamTransportError, SamBatchFailedError) as failed:
            raise RuntimeError(failed.request_id) from failed
        return emulator.count("messages_batches_create") + len(emulator.batches)


def in_a_dag(requests: list[BatchRequestParams]) -> None:
    """Make each of the tasks."""
    created = SamCreateBatchOperator(task_id="create", requests=requests)
    sent = ObjectStorageToSamBatchOperator(task_id="send", path="s3://bucket/requests.jsonl")
    SamBatchSensor(task_id="wait", batch_id=created.output, deferrable=True, on_canceled="skip")
    SamBatchToObjectStorageOperator(task_id="land", batch_id=sent.output, path="s3://bucket/results/")
    SamCancelBatchOperator(task_id="cancel", batch_id="msgbatch_1")
    SamDeleteBatchOperator(task_id="delete", batch_id="msgbatch_1")
    SamCreateMessageOperator(task_id="message", prompt="Hello", model="sam-small", max_tokens=5, returns="message")
    SamCountTokensOperator(task_id="count", prompt="Hello", model="sam-small", max_input_tokens=100)
    SamCreateCompletionOperator(task_id="complete", prompt="Hello", model="sam-small", max_tokens_to_sample=5)
    SamBatchTrigger(batch_ids=["msgbatch_1"], deadline=0.0)


def in_one_line(rows: list[dict[str, Any]]) -> SamBatchGroup:
    """Make the tasks of a batch, in all three ways; what does not exist or has another type is an error."""
    sam_batch_group("requests", requests=["Hello"], path="s3://bucket/out.jsonl", cancel_on_kill=True, timeout=3600)
    sam_batch_group(
        "path", input_path="s3://bucket/in/", path="s3://bucket/out/", default_args={"retries": 3}, betas=["b"]
    )
    sam_batch_group("typo", requests=["Hello"], path="s3://bucket/out.jsonl", promt="?")  # type: ignore[call-arg]
    sam_batch_group("type", requests=["Hello"], path="s3://bucket/out.jsonl", on_empty="pass")  # type: ignore[arg-type]
    sam_batch_group("key", requests=["Hello"], path="s3://bucket/out", land_args={"retrys": 1})  # type: ignore[arg-type]
    group = sam_batch_group(
        "rows",
        rows=rows,
        id_column="id",
        prompt="Good? {review}",
        output_type=bool,
        reuse="s3://bucket/out.parquet",
        path="s3://bucket/out.parquet",
        columns=["id", "review"],
        defaults={"model": "sam-small", "max_tokens": 5},
        rounds=3,
        round_overrides=[{"max_tokens": 50}, {"model": "sam-large"}],
        max_failed_ratio=0.1,
        wait_args={"visibility_timeout": 60.0, "execution_timeout": timedelta(hours=5)},
        land_args={"outlets": []},
    )
    SamCancelBatchOperator(task_id="cancel", batch_id=group.output)
    return group


@sam_message
def ask(name: str) -> str:
    """Return a prompt."""
    return f"Hello {name}"


@sam_message(model="sam-small", max_tokens=20, output_type=int, stream=True, retries=3)
async def ask_typed(name: str, *, greeting: str = "Hello") -> MessageParams:
    """Return a message's parameters."""
    return {"model": "sam-small", "max_tokens": 20, "messages": [{"role": "user", "content": f"{greeting} {name}"}]}


@sam_batch(id_column="id", prompt="Good? {review}", reuse="s3://bucket/table.parquet", queue="large")
def send_rows(day: str) -> Iterator[dict[str, Any]]:
    """Yield rows."""
    yield {"id": 1, "review": day}


@sam_batch
def send(prompts: list[str]) -> list[str]:
    """Return requests."""
    return prompts


def with_decorators() -> None:
    """Make tasks of functions; what a type checker must not allow is marked so."""
    answers = ask.partial().expand(name=["Sam", "Ada"])
    answers >> ask_typed("Sam", greeting="Hi") >> send(["One"])
    rows = send_rows("2026-01-01")
    SamBatchToObjectStorageOperator(task_id="land", batch_id=rows, path="s3://bucket/", rows=rows)
    ask(5)  # type: ignore[arg-type]
    ask_typed("Sam", greeting="Hi", other=5)  # type: ignore[call-arg]
    sam_message(stream="yes")  # type: ignore[call-overload]
    sam_message(returns_five)  # type: ignore[type-var]


def returns_five() -> int:
    """Return what is no message."""
    return 5


def after_landing(manifest: dict[str, Any]) -> dict[str, str]:
    """Read what was landed."""
    outcomes: list[str] = [line.result.type for line in iter_published(manifest)]
    texts = read_texts(manifest)
    return {**texts, "outcomes": ", ".join(outcomes)}

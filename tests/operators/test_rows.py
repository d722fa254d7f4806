"""Rows become requests through both submitting operators; what is answered already is not sent again."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Literal

import pyarrow as pa
import pytest

from airflow_provider_sam._compat import AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.emulator import OnDemand
from airflow_provider_sam.exceptions import SamBudgetError
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.tasks.rows import RowRequests
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

DEFAULTS = {"model": "sam-small", "max_tokens": 20}
ROWS = [{"id": number, "review": f"Review {number} {{{{ ds }}}}", "stars": number} for number in range(5)]
RECIPE = {"id_column": "id", "prompt": "Good?\n{review}", "defaults": DEFAULTS}


def context(task_id="submit", run="run"):
    return {"ti": SimpleNamespace(dag_id="dag", run_id=run, task_id=task_id, map_index=-1, max_tries=0)}


@pytest.fixture(params=[SamCreateBatchOperator, ObjectStorageToSamBatchOperator])
def submit(request, sam, tmp_path):  # noqa: ARG001 - the connection leads there
    def submit(rows, *, run="run", **arguments):
        arguments = {"state_path": (tmp_path / "state").as_uri(), **RECIPE, **arguments}
        found = request.param(task_id="submit", rows=rows, **arguments).execute(context(run=run))
        return [found] if isinstance(found, str) else found

    return submit


def prompts(sam, ids):
    return [
        params["messages"][0]["content"].partition("\n")[2]
        for batch_id in ids
        for _, params in sam.batch_requests(batch_id)
    ]


def end(sam, ids, outcomes=None, answers=None):
    """End batches; outcomes and answers are given by the places of the requests."""
    names = [custom_id for batch_id in ids for custom_id, _ in sam.batch_requests(batch_id)]
    sam.answers = {names[place]: answer for place, answer in (answers or {}).items()}
    for batch_id in ids:
        sam.end_batch(batch_id, {names[place]: outcome for place, outcome in (outcomes or {}).items()})


def land_table(ids, path, **arguments):
    return SamBatchToObjectStorageOperator(task_id="land", batch_id=ids, path=path.as_uri(), **arguments).execute({})


def test_a_later_round_asks_for_the_same_rows_with_other_parameters(sam, submit, tmp_path):
    sam.progress = OnDemand()
    rows = RowRequests(ROWS, **RECIPE)
    ids = submit(ROWS)
    end(sam, ids, {1: "expired", 3: "errored"})
    first = land_table(ids, tmp_path / "first.parquet", rows=rows)
    again = submit(ROWS, only_failed_of=first, overrides={"max_tokens": 99}, run="again")
    asked, sent = dict(sam.batch_requests(ids[0])), dict(sam.batch_requests(again[0]))
    assert sent == {name: asked[name] | {"max_tokens": 99} for name in [list(asked)[1], list(asked)[3]]}
    end(sam, again)
    final = land_table(again, tmp_path / "final.parquet", rows=rows, carry_over=first)
    assert final["total"]["counts"]["succeeded"] == 5
    with pytest.raises(AirflowSkipException, match="None of 5 requests failed"):
        submit(ROWS, only_failed_of=final, run="once more")
    assert submit(ROWS, reuse=(tmp_path / "final.parquet").as_uri(), run="night two") == []


def test_an_answer_that_stopped_too_early_is_sent_again_and_not_reused(sam, submit, tmp_path):
    sam.progress = OnDemand()
    rows = RowRequests(ROWS, **RECIPE)
    ids = submit(ROWS)
    end(sam, ids, answers={2: {"stop_reason": "max_tokens"}})
    target = tmp_path / "out.parquet"
    first = land_table(ids, target, rows=rows)
    too_early = {"treat_stop_reasons_as_failed": ["max_tokens"]}
    name = list(dict(sam.batch_requests(ids[0])))[2]
    for arguments in ({"only_failed_of": first}, {"only_failed_of": first, "reuse": target.as_uri()}):
        again = submit(ROWS, run=f"again {len(arguments)}", **too_early, **arguments)
        assert list(dict(sam.batch_requests(again[0]))) == [name]
    night_two = submit(ROWS, run="night two", reuse=target.as_uri(), **too_early)
    assert list(dict(sam.batch_requests(night_two[0]))) == [name]
    assert submit(ROWS, run="night three", reuse=target.as_uri()) == []


def test_what_a_table_carries_over_was_reused_if_it_was_reused_there_and_is_paid_once(sam, submit, tmp_path):
    sam.progress = OnDemand()
    target = tmp_path / "out.parquet"
    rows = RowRequests(ROWS, **RECIPE, reuse=target.as_uri())
    ids = submit(ROWS[:3])
    end(sam, ids)
    land_table(ids, target, rows=RowRequests(ROWS[:3], **RECIPE))
    ids = submit(ROWS, reuse=target.as_uri(), run="night two")
    end(sam, ids, {1: "expired"})
    first = land_table(ids, tmp_path / "first.parquet", rows=rows)
    again = submit(ROWS, only_failed_of=first, run="again")
    end(sam, again)
    final = land_table(again, target, rows=rows, carry_over=first)
    assert (first["table"]["reused"], final["table"]["reused"], final["table"]["rows"]) == (3, 3, 5)
    paid = first["total"]["usage"]["sam-small"]["output_tokens"]
    of_again = final["batches"][0]["usage"]["sam-small"]["output_tokens"]
    assert final["total"]["usage"]["sam-small"]["output_tokens"] == paid + of_again


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        pa.Table.from_pylist(ROWS),
        lambda _context: iter(ROWS),
        lambda _context: pa.Table.from_pylist(ROWS).to_reader(),
    ],
)
def test_each_row_becomes_a_request_and_nothing_of_it_is_a_template(sam, submit, rows):
    ids = submit(rows)
    assert prompts(sam, ids) == [row["review"] for row in ROWS]
    assert {params["model"] for _, params in sam.batch_requests(ids[0])} == {"sam-small"}


def test_a_retry_finds_the_batch_of_the_rows_in_any_order(sam, submit):
    assert submit(ROWS) == submit(ROWS[::-1])
    assert len(sam.batches) == 1


def test_rows_that_ask_the_same_are_asked_once_if_wanted(sam, submit):
    rows = [{"id": number, "review": number % 2} for number in range(6)]
    assert prompts(sam, submit(rows, dedupe=True)) == ["0", "1"]
    assert len(prompts(sam, submit(rows, run="other"))) == 6


def land(sam, ids, path):
    for batch_id in ids:
        sam.end_batch(batch_id)
    return SamBatchToObjectStorageOperator(task_id="land", batch_id=ids, path=path.as_uri()).execute({})


@pytest.mark.parametrize("reuse", ["file", "manifest", "directory", "pattern"])
def test_only_rows_that_are_new_or_changed_are_sent_again(sam, submit, tmp_path, caplog, capsys, reuse):
    target = tmp_path / "out" / "reviews.jsonl"
    manifest = land(sam, submit(ROWS, reuse=target.as_uri()), target)
    earlier = {
        "file": target.as_uri(),
        "manifest": manifest,
        "directory": target.parent.as_uri(),
        "pattern": f"{target.parent.as_uri()}/*.jsonl",
    }[reuse]
    rows = [*ROWS[1:3], {**ROWS[3], "review": "changed"}, {**ROWS[4], "stars": 9}, {"id": 9, "review": "new"}]
    caplog.set_level(logging.INFO)
    assert prompts(sam, submit(rows, reuse=[earlier], run="night two")) == ["changed", "new"]
    assert "5 rows: 3 answered earlier, 0 ask what another row asks, 2 to send" in caplog.text + capsys.readouterr().out
    assert len(prompts(sam, submit(ROWS, run="x", reuse=earlier, defaults={**DEFAULTS, "model": "sam-large"}))) == 5


def test_rows_that_are_all_answered_send_nothing_and_skip_nothing(sam, submit, tmp_path):
    target = tmp_path / "reviews.jsonl"
    land(sam, submit(ROWS, reuse=target.as_uri()), target)
    assert submit(ROWS, reuse=target.as_uri(), run="night two") == []
    assert len(sam.batches) == 1


def test_an_answer_that_failed_or_is_of_another_type_is_no_answer(sam, submit, tmp_path):
    target = tmp_path / "reviews.jsonl"
    arguments = {"output_type": Literal["good", "bad"], "reuse": target.as_uri()}
    manifest = land(sam, submit(ROWS, **arguments), target)
    assert manifest["total"]["stop_reasons"] == {"tool_use": 5}
    lines = [json.loads(line) for line in target.read_bytes().splitlines()]
    lines[0]["result"] = {"type": "expired"}
    lines[1]["result"]["message"]["content"][0]["input"] = {"answer": "so-so"}
    target.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    target.with_name("reviews.jsonl.manifest.json").unlink()
    assert len(prompts(sam, submit(ROWS, **arguments, run="night two"))) == 2


def test_a_dry_run_says_what_would_be_sent_and_creates_nothing(sam, submit, tmp_path, caplog, capsys):
    target = tmp_path / "reviews.jsonl"
    land(sam, submit(ROWS), target)
    caplog.set_level(logging.INFO)
    rows = [*ROWS, {"id": 7, "review": "new"}, {"id": 8, "review": "new"}]
    report = submit(rows, reuse=target.as_uri(), dedupe=True, dry_run=True, run="night two")
    assert {name: report[name] for name in ("rows", "reused", "duplicates", "requests", "batches")} == {
        "rows": 7,
        "reused": 5,
        "duplicates": 1,
        "requests": 1,
        "batches": 1,
    }
    assert report["input_tokens"] > 0
    assert (
        "Dry run, nothing was sent: 7 rows, 5 reused, 1 duplicates, 1 requests, 1 batches"
        in caplog.text + capsys.readouterr().out
    )
    assert len(sam.batches) == 1
    (batch_id,) = submit(rows, reuse=target.as_uri(), dedupe=True, run="night two")
    sent = next(each for each in reversed(sam.requests) if each.operation == "messages_batches_create")
    assert int(sent.headers["content-length"]) == report["bytes"]
    assert len(list(sam.batch_requests(batch_id))) == report["requests"]


def test_a_dry_run_of_requests_says_so_too(sam, requests, tmp_path):
    operator = SamCreateBatchOperator(
        task_id="submit", requests=requests, dry_run=True, state_path=tmp_path.as_uri(), max_requests=5
    )
    report = operator.execute(context())
    assert (report["requests"], report["batches"]) == (5, 1)
    assert not isinstance(getattr(operator, "dry_run", None), bool), "Airflow calls a method of that name"
    assert not sam.batches


def test_limits_count_only_what_is_sent(sam, submit, tmp_path):
    target = tmp_path / "reviews.jsonl"
    land(sam, submit(ROWS), target)
    rows = [*ROWS, {"id": 7, "review": "new"}]
    assert len(submit(rows, reuse=target.as_uri(), max_requests=1, max_input_tokens=1000, run="night two")) == 1
    with pytest.raises(SamBudgetError, match="6 requests, but max_requests is 1"):
        submit(rows, max_requests=1, run="night three")


def test_a_table_without_rows_fails_or_is_skipped(submit):
    with pytest.raises(SamRequestError, match="the input has no requests"):
        submit([])
    with pytest.raises(AirflowSkipException):
        submit([], on_empty="skip")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either requests= or rows=, and not both"),
        ({"requests": [], "rows": [], "id_column": "id"}, "give either requests= or rows=, and not both"),
        ({"requests": [], "prompt": "{x}"}, "prompt belong to rows=, which is missing"),
        ({"rows": []}, "rows need an id_column"),
        ({"rows": RowRequests([], id_column="id"), "dedupe": True}, "dedupe are part of the RowRequests already"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused_when_the_dag_is_read(arguments, message):
    with pytest.raises(SamRequestError) as refused:
        SamCreateBatchOperator(task_id="submit", **arguments)
    assert message in refused.value.message


def test_a_type_whose_column_every_table_has_already_is_refused_before_anything_is_sent(sam, submit):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    with pytest.raises(SamRequestError, match=r"two columns .text.*rename the property of output_type"):
        submit(ROWS, output_type=schema)
    assert not sam.requests


def test_the_connections_model_is_part_of_the_request(sam, submit, default_model):
    ids = submit(ROWS, defaults={"max_tokens": 5})
    assert {params["model"] for _, params in sam.batch_requests(ids[0])} == {default_model}


def test_one_recipe_serves_several_tasks(sam, tmp_path):
    rows = RowRequests(ROWS, **RECIPE)
    for run in ("a", "b"):
        operator = SamCreateBatchOperator(task_id="submit", rows=rows, state_path=tmp_path.as_uri())
        assert operator.rows is rows
        operator.execute(context(run=run))
    assert [len(list(sam.batch_requests(batch.id))) for batch in sam.batches] == [5, 5]

"""Rows go in, and a table comes out: one row for each, in their order, with the answer to exactly its request."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Literal

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import BaseModel

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.tables import ANSWER_COLUMNS
from airflow_provider_sam.emulator import Fault, Lines, OnDemand
from airflow_provider_sam.exceptions import SamBatchFailedError, SamResultsError
from airflow_provider_sam.results import iter_published, read_texts
from airflow_provider_sam.tasks.rows import RowRequests
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

DEFAULTS = {"model": "sam-small", "max_tokens": 20}
RECIPE = {"id_column": "id", "prompt": "Good?\n{review}", "defaults": DEFAULTS}
ROWS = [{"id": f"r{number}", "review": f"Review {{{{ {number} }}}}", "stars": number} for number in range(6)]


class Judgement(BaseModel):
    """What a model is asked for."""

    label: Literal["good", "bad"]
    score: int


@pytest.fixture
def sam(sam):
    """The emulator, where a batch ends when a test says so."""
    sam.progress = OnDemand()
    return sam


class Dag:
    """A submitting and a landing task over the same rows."""

    def __init__(self, sam, folder):
        self.sam, self.folder = sam, folder
        self.nights = 0

    def submit(self, rows=ROWS, *, only_failed_of=None, **arguments):
        self.nights += 1
        self.rows = RowRequests(rows, **{**RECIPE, **arguments})
        ti = SimpleNamespace(dag_id="dag", run_id=f"{self.nights}", task_id="submit", map_index=-1, max_tries=0)
        operator = ObjectStorageToSamBatchOperator(
            task_id="submit",
            rows=self.rows,
            state_path=(self.folder / "state").as_uri(),
            only_failed_of=only_failed_of,
            visibility_timeout=0.01,
        )
        return operator.execute({"ti": ti})

    def end(self, ids, outcomes=None, answers=None):
        """End batches; outcomes and answers are given by the places of the requests in all of them."""
        names = [custom_id for batch_id in ids for custom_id, _ in self.sam.batch_requests(batch_id)]
        self.sam.answers = {names[place]: answer for place, answer in (answers or {}).items()}
        for batch_id in ids:
            mine = [name for name, _ in self.sam.batch_requests(batch_id)]
            of_batch = {name: outcomes[names.index(name)] for name in mine if names.index(name) in (outcomes or {})}
            self.sam.end_batch(batch_id, of_batch)

    def land(self, ids, name="out.parquet", *, rows=None, **arguments):
        path = f"{self.folder.as_uri()}/{name}"
        operator = SamBatchToObjectStorageOperator(
            task_id="land", batch_id=ids, path=path, rows=rows or self.rows, **arguments
        )
        return operator.execute({})

    def read(self, name="out.parquet"):
        return pyarrow.parquet.read_table(self.folder / name)


@pytest.fixture
def dag(sam, tmp_path):
    return Dag(sam, tmp_path)


def column(table, name):
    return table.column(name).to_pylist()


def test_each_row_has_its_answer_beside_it_in_the_order_of_the_rows(dag):
    ids = dag.submit()
    dag.end(ids, {1: "expired", 3: {"type": "api_error", "message": "Internal: no"}}, {0: "yes", 5: "no"})
    manifest = dag.land(ids, columns=["review", "stars"])
    table = dag.read()
    assert table.column_names == ["review", "stars", *ANSWER_COLUMNS]
    assert column(table, "review") == [row["review"] for row in ROWS]
    assert column(table, "stars") == [0, 1, 2, 3, 4, 5]
    assert column(table, "outcome") == ["succeeded", "expired", "succeeded", "errored", "succeeded", "succeeded"]
    assert column(table, "error") == [None, None, None, "api_error: Internal: no", None, None]
    assert (column(table, "text")[0], column(table, "text")[5]) == ("yes", "no")
    assert manifest["total"]["lines"] == 6
    assert manifest["total"]["counts"] == {"succeeded": 4, "errored": 1, "canceled": 0, "expired": 1}
    assert {**manifest["table"], "output_schema": None} == {
        "rows": 6,
        "reused": 0,
        "unanswered": 0,
        "dropped": 0,
        "id_columns": ["id"],
        "columns": ["review", "stars"],
        "output_schema": None,
        "raw": None,
    }


def test_typed_answers_have_columns_and_what_is_not_of_the_type_is_counted_apart(dag):
    ids = dag.submit(output_type=Judgement)
    answers = {
        0: '{"label": "good", "score": 1}',
        1: '{"label": "so-so", "score": 1}',
        2: f'{{"label": "bad", "score": {2**63}}}',
        3: '{"label": "bad", "score": 3}',
    }
    dag.end(ids, {5: "expired"}, answers)
    manifest = dag.land(ids)
    table = dag.read()
    assert table.schema.field("label").type == pa.dictionary(pa.int32(), pa.string())
    assert column(table, "label")[:4] == ["good", None, None, "bad"]
    assert column(table, "score")[:4] == [1, None, None, 3]
    assert column(table, "outcome")[:4] == ["succeeded", "invalid_output", "invalid_output", "succeeded"]
    assert column(table, "error")[1] == "label: Input should be 'good' or 'bad'"
    assert column(table, "error")[2].startswith("score: 9223372036854775808 is no int64")
    assert json.loads(column(table, "text")[1]) == {"label": "so-so", "score": 1}
    assert manifest["total"]["counts"]["invalid_output"] == 2
    assert manifest["total"]["counts"]["succeeded"] == manifest["batches"][0]["counts"]["succeeded"] - 2
    assert manifest["total"]["errors"][0]["type"] == "invalid_output"
    assert manifest["table"]["output_schema"] == Judgement.model_json_schema() | manifest["table"]["output_schema"]


@pytest.mark.parametrize(
    ("limits", "fails"),
    [
        ({}, False),
        ({"max_failed_ratio": 0.1}, True),
        ({"max_failed_ratio": 0.2}, False),
        ({"fail_on_partial_error": True}, True),
    ],
)
def test_an_answer_that_is_not_of_its_type_is_judged_as_failed(dag, limits, fails):
    ids = dag.submit(output_type=Judgement)
    good = dict.fromkeys(range(6), '{"label": "good", "score": 1}')
    dag.end(ids, answers=good | {4: '{"label": 7}'})
    if not fails:
        dag.land(ids, **limits)
        return
    with pytest.raises(SamBatchFailedError, match=r"1 of 6 results failed \(1 invalid_output\)"):
        dag.land(ids, **limits)
    assert dag.read().num_rows == 6


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz", "out.csv.zst"])
def test_a_second_round_sends_what_failed_or_is_not_of_its_type_and_one_table_holds_both(sam, dag, name):
    ids = dag.submit(output_type=Judgement)
    good = dict.fromkeys(range(6), '{"label": "good", "score": 1}')
    dag.end(ids, {1: "expired"}, good | {4: '{"label": 7}'})
    first = dag.land(ids, f"first-{name}")
    again = dag.submit(output_type=Judgement, only_failed_of=first)
    assert [params["messages"][0]["content"] for _, params in sam.batch_requests(again[0])] == [
        f"Good?\n{ROWS[place]['review']}" for place in (1, 4)
    ]
    dag.end(again, answers={0: '{"label": "bad", "score": 2}', 1: '{"label": "bad", "score": 3}'})
    final = dag.land(again, name, carry_over=first, columns=["id"])
    assert final["total"]["counts"]["succeeded"] == final["total"]["lines"] == 6
    assert final["carried_over"]["lines"] == 4
    texts = read_texts(final)
    assert list(texts) == [row.custom_id for row in iter_published(final)]
    scores = [json.loads(json.dumps(row.result.message.content[0].input))["score"] for row in iter_published(final)]
    assert scores == [1, 2, 1, 1, 3, 1]


def test_several_batches_are_one_table_and_their_results_can_be_kept_as_they_came(sam, dag):
    ids = [*dag.submit(ROWS[:4]), *dag.submit(ROWS[4:])]
    dag.end(ids)
    rows = RowRequests(ROWS[::-1], **RECIPE)
    manifest = dag.land(ids, rows=rows, keep_raw=(dag.folder / "raw.jsonl.gz").as_uri())
    assert column(dag.read(), "id") == [row["id"] for row in ROWS[::-1]]
    raw = [json.loads(line) for line in gzip.decompress((dag.folder / "raw.jsonl.gz").read_bytes()).splitlines()]
    assert sorted(line["custom_id"] for line in raw) == sorted(column(dag.read(), "custom_id"))
    assert [batch["counts"]["succeeded"] for batch in manifest["batches"]] == [4, 2]
    assert manifest["table"]["raw"]["lines"] == 6
    assert manifest["table"]["raw"]["path"].endswith("raw.jsonl.gz")
    asked = len(sam.requests)
    assert dag.land(ids, rows=rows, keep_raw=(dag.folder / "raw.jsonl.gz").as_uri()) == manifest
    assert len(sam.requests) == asked
    (dag.folder / "raw.jsonl.gz").unlink()
    dag.land(ids, rows=rows, keep_raw=(dag.folder / "raw.jsonl.gz").as_uri())
    assert (dag.folder / "raw.jsonl.gz").exists()


def test_the_second_night_sends_what_is_new_and_the_table_is_whole(sam, dag):
    target = (dag.folder / "out.parquet").as_uri()
    ids = dag.submit(reuse=target)
    dag.end(ids, {2: "expired"}, {place: f"night one {place}" for place in range(6)})
    dag.land(ids)
    rows = [ROWS[5], {**ROWS[0], "stars": 50}, {**ROWS[1], "review": "changed"}, ROWS[2]]
    ids = dag.submit(rows, reuse=target)
    assert len(list(sam.batch_requests(ids[0]))) == 2
    dag.end(ids, answers={0: "changed", 1: "at last"})
    manifest = dag.land(ids, columns=["id", "stars"])
    table = dag.read()
    assert column(table, "text") == ["night one 5", "night one 0", "changed", "at last"]
    assert column(table, "stars") == [5, 50, 1, 2]
    assert (manifest["table"]["reused"], manifest["table"]["dropped"]) == (2, 0)
    assert dag.submit(rows[:3], reuse=target) == []
    manifest = dag.land([])
    assert column(dag.read(), "text") == ["night one 5", "night one 0", "changed"]
    assert (manifest["table"]["rows"], manifest["table"]["reused"], manifest["batches"]) == (3, 3, [])
    assert dag.submit(rows[:2], reuse=target) == []
    assert dag.land([])["table"]["rows"] == 2


def test_a_landing_that_was_killed_between_its_files_finds_the_answers_of_before(dag):
    target = (dag.folder / "out.parquet").as_uri()
    ids = dag.submit(reuse=target)
    dag.end(ids)
    dag.land(ids)
    (dag.folder / "out.parquet.manifest.json").unlink()
    assert dag.submit(reuse=target) == []
    assert dag.land([])["table"]["reused"] == 6


def test_rows_that_ask_the_same_share_the_answer(sam, dag):
    rows = [{"id": number, "review": "ab"[number % 2], "stars": 1} for number in range(5)]
    ids = dag.submit(rows, dedupe=True)
    assert len(list(sam.batch_requests(ids[0]))) == 2
    dag.end(ids, {1: "expired"}, {0: "A"})
    first = dag.land(ids, "first.parquet")
    assert column(dag.read("first.parquet"), "text") == ["A", None, "A", None, "A"]
    assert first["total"]["counts"]["expired"] == 2
    again = dag.submit(rows, dedupe=True, only_failed_of=first)
    assert len(list(sam.batch_requests(again[0]))) == 1
    dag.end(again, answers={0: "B"})
    manifest = dag.land(again, carry_over=first)
    assert column(dag.read(), "text") == ["A", "B", "A", "B", "A"]
    assert manifest["table"]["dropped"] == 0


def test_rows_that_have_changed_since_are_an_error_or_kept_without_an_answer(dag):
    ids = dag.submit()
    dag.end(ids)
    rows = RowRequests([ROWS[0], {**ROWS[1], "review": "other"}, {**ROWS[2], "id": "new"}], **RECIPE)
    with pytest.raises(SamResultsError, match=r"2 of 3 rows have no answer, such as row 2, row 3: they or .* keep"):
        dag.land(ids, rows=rows)
    assert not list(dag.folder.glob("out*"))
    manifest = dag.land(ids, rows=rows, on_unanswered="keep")
    assert column(dag.read(), "outcome") == ["succeeded", "unanswered", "unanswered"]
    assert manifest["table"]["unanswered"] == 2
    assert manifest["table"]["dropped"] == 5
    assert manifest["total"]["counts"]["unanswered"] == 2
    assert [row.result.type for row in iter_published(manifest)] == ["succeeded", "unanswered", "unanswered"]


def test_no_rows_are_a_table_without_rows(dag):
    dag.rows = RowRequests(
        pa.table({"id": pa.array([], "int32"), "review": pa.array([], "string")}), **RECIPE, output_type=Judgement
    )
    manifest = dag.land(None)
    assert dag.read().schema.field("id").type == pa.int32()
    assert dag.read().num_rows == manifest["total"]["lines"] == 0


def test_csv_says_what_parquet_does(dag):
    rows = [{**row, "tags": [{"a": row["stars"]}, None], "review": f'"{row["stars"]}",\n'} for row in ROWS[:2]]
    ids = dag.submit(rows, output_type=Judgement)
    dag.end(ids, {1: "expired"}, {0: '{"label": "good", "score": 1}'})
    dag.land(ids, "out.csv", columns=["id", "review", "tags"])
    with (dag.folder / "out.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["review"] for row in found] == [row["review"] for row in rows]
    assert [json.loads(row["tags"]) for row in found] == [row["tags"] for row in rows]
    assert [(row["label"], row["score"], row["outcome"]) for row in found] == [
        ("good", "1", "succeeded"),
        ("", "", "expired"),
    ]


def test_a_column_whose_name_every_table_has_already_can_have_another(dag):
    rows = [{"id": 1, "text": "Fine.", "review": "x"}]
    ids = dag.submit(rows)
    dag.end(ids, answers={0: "yes"})
    with pytest.raises(SamRequestError, match="give it another name with columns="):
        dag.land(ids, columns=["id", "text"])
    manifest = dag.land(ids, columns={"text": "asked", "id": "id"})
    assert dag.read().column_names[:3] == ["asked", "id", "custom_id"]
    assert (column(dag.read(), "asked"), column(dag.read(), "text")) == (["Fine."], ["yes"])
    assert manifest["table"]["columns"] == ["asked", "id"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "out/"}, "is a directory; name a file"),
        ({"name": "out.jsonl"}, "end path .* with .parquet or .csv"),
        ({"columns": ["id", "outcome"]}, "would have two columns 'outcome': one is every table's own; leave it out"),
        (
            {"columns": ["id", "label"]},
            "would have two columns 'label': one is a property of output_type; leave it out",
        ),
        ({"columns": ["id", "nobody"]}, "nobody"),
        ({"keep_raw": "out.csv"}, "keep_raw .* end it with .jsonl"),
    ],
)
def test_what_no_table_can_be_is_refused(dag, arguments, said):
    ids = dag.submit(output_type=Judgement)
    dag.end(ids)
    if "keep_raw" in arguments:
        arguments["keep_raw"] = (dag.folder / arguments["keep_raw"]).as_uri()
    with pytest.raises(SamRequestError, match=said):
        dag.land(ids, **arguments)
    assert not list(dag.folder.glob("out*"))


def test_what_is_for_tables_alone_is_refused_without_rows(dag):
    ids = dag.submit()
    dag.end(ids)
    land = {"task_id": "land", "batch_id": ids}
    for arguments in (
        {"path": (dag.folder / "x.csv").as_uri()},
        {"path": (dag.folder / "x.jsonl").as_uri(), "keep_raw": "file:///y.jsonl"},
    ):
        with pytest.raises(SamRequestError, match="for tables"):
            SamBatchToObjectStorageOperator(**land, **arguments).execute({})


@pytest.mark.parametrize("name", ["out.parquet", "out.csv.gz"])
def test_results_that_are_not_the_whole_truth_leave_nothing_and_a_retry_lands_the_table(sam, dag, name):
    ids = dag.submit()
    dag.end(ids)
    sam.faults.add(Fault(Lines("missing"), operation="messages_batches_results", times=20))
    raw = f"{dag.folder.as_uri()}/raw.jsonl"
    with pytest.raises(SamResultsError, match="5 results instead of 6"):
        dag.land(ids, name, keep_raw=raw)
    assert sorted(path.name for path in dag.folder.iterdir()) == ["state"]
    sam.faults.clear()
    assert dag.land(ids, name, keep_raw=raw)["table"]["rows"] == 6


def test_rows_that_cannot_be_read_any_more_leave_nothing(dag):
    ids = dag.submit()
    dag.end(ids)

    def torn(_context):
        yield ROWS[0]
        raise ConnectionError("the warehouse is away")

    with pytest.raises(ConnectionError, match="the warehouse is away"):
        dag.land(ids, rows=RowRequests(torn, **RECIPE), keep_raw=f"{dag.folder.as_uri()}/raw.jsonl")
    assert sorted(path.name for path in dag.folder.iterdir()) == ["state"]


def test_batches_are_deleted_once_the_table_and_what_is_kept_beside_it_are_read_again(sam, dag):
    ids = dag.submit()
    dag.end(ids)
    arguments = {"keep_raw": f"{dag.folder.as_uri()}/raw.jsonl", "delete_after_publish": True}
    manifest = dag.land(ids, **arguments)
    assert not sam.batches
    assert dag.land(ids, **arguments) == manifest


def test_moments_of_a_type_and_of_the_rows_come_back_as_moments(dag):
    schema = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}, "required": ["day"]}
    rows = [{"id": number, "review": "x", "seen": datetime(2026, 1, 2, tzinfo=UTC)} for number in range(2)]
    ids = dag.submit(rows, output_type=schema)
    dag.end(ids, answers={0: '{"day": "2026-02-03"}', 1: '{"day": "yesterday"}'})
    dag.land(ids, columns=["seen"])
    assert column(dag.read(), "seen") == [row["seen"] for row in rows]
    assert column(dag.read(), "day") == [date(2026, 2, 3), None]
    assert column(dag.read(), "outcome") == ["succeeded", "invalid_output"]

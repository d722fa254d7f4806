"""Any table, any outcomes, two rounds a night, three nights: each row has the answer to exactly its request, paid once.

What the API does is played by a dictionary, so that many tables are tried; `tests.transfers.test_tables` does the same
over HTTP, with the operators.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random

import msgspec
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.land.failed import is_worth_repeating
from airflow_provider_sam.batches.tables import lines_of_csv, lines_of_parquet
from airflow_provider_sam.rows.batch import PlainRows, arrow_batches
from airflow_provider_sam.rows.lines import request_lines
from airflow_provider_sam.rows.output_type import OutputType
from airflow_provider_sam.rows.recipe import Recipe
from airflow_provider_sam.rows.reuse import Unanswered
from airflow_provider_sam.rows.table import RowTable

OUTPUT_TYPE = OutputType.of(
    {"type": "object", "properties": {"hash": {"type": "string"}}, "required": ["hash"], "additionalProperties": False}
)

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["{{ ds }}", "{review}", "{% raw %}", "}{", "same", '"', "a,b\r\n", "\u2028"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ROWS = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 9), "review": TEXTS | st.none(), "more": VALUES}),
    unique_by=lambda row: row["id"],
    max_size=7,
)
NIGHTS = st.lists(ROWS, min_size=3, max_size=3)


class Rows:
    """Rows as a task has them, in batches of a few."""

    def __init__(self, rows, recipe, output_type, size):
        self.rows, self.recipe, self.output_type, self.size = rows, recipe, output_type, size
        self.id_columns = recipe.id_columns

    def batches(self, columns):
        for start in range(0, len(self.rows), self.size):
            yield PlainRows.of(self.rows[start : start + self.size], columns=columns, number=start + 1)


class Nights:
    """Three nights of one Dag, and an API that answers with the hash of what it is asked."""

    def __init__(self, *, typed, dedupe, format_, size, seed):
        output_type = OUTPUT_TYPE if typed else None
        self.recipe = Recipe(
            id_columns=["id"],
            prompt="{{{review}}}",
            params={"model": "sam-1", "max_tokens": 9},
            output_type=output_type,
            dedupe=dedupe,
        )
        self.output_type, self.format, self.size = output_type, format_, size
        self.chance = random.Random(seed)
        self.paid = set()

    def night(self, rows, earlier):
        """Run both rounds; give the table."""
        self.source = Rows(rows, self.recipe, self.output_type, self.size)
        first = self.land(self.answers(self.send(earlier, only=None)), [], earlier)
        failed = {found.custom_id for found in map(tally, iter_lines(self.lines(first))) if is_worth_repeating(found)}
        if not failed:
            return first
        new = self.answers(self.send([], only=failed))
        answered = {tally(line).custom_id for line in iter_lines(new)}
        old = [line.data + b"\n" for line in iter_lines(self.lines(first)) if tally(line).custom_id not in answered]
        return self.land(new, old, earlier)

    def send(self, earlier, only):
        with Unanswered(earlier, self.output_type, dedupe=self.recipe.dedupe, only=only) as unanswered:
            blocks = request_lines(self.source.batches(self.recipe.columns), self.recipe, unanswered)
            return [msgspec.json.decode(line) for block in blocks for line in block.lines]

    def answers(self, requests):
        lines = [self.answer(request) for request in requests]
        self.chance.shuffle(lines)
        return lines

    def answer(self, request):
        kind = self.chance.choice(["succeeded"] * 4 + ["expired", "errored", "canceled", "invalid"])
        result = {"type": kind}
        if kind == "errored":
            result["error"] = {"type": "error", "error": {"type": "api_error", "message": "no: way"}}
        elif kind in {"succeeded", "invalid"}:
            content = self.content(request["params"], is_right=kind == "succeeded")
            result = {"type": "succeeded", "message": {"content": [content], "stop_reason": stop_reason(content)}}
        if kind == "succeeded" or (kind == "invalid" and self.output_type is None):
            asked = hash_of(request["params"])
            assert (asked if self.recipe.dedupe else (request["custom_id"], asked)) not in self.paid
            self.paid.add(asked if self.recipe.dedupe else (request["custom_id"], asked))
        return json.dumps({"custom_id": request["custom_id"], "result": result}).encode() + b"\n"

    def content(self, params, *, is_right):
        if self.output_type is None:
            return {"type": "text", "text": hash_of(params)}
        return {"type": "tool_use", "name": "answer", "input": {"hash": hash_of(params) if is_right else 7}}

    def land(self, new, old, earlier):
        written = io.BytesIO()
        table = RowTable(rows=self.source, columns=["id", "review", "more"], reused=lambda: earlier)
        encoder = table.encoder(self.format, written.write)
        for line in [*new, *old]:
            encoder.add(line)
        encoder.close()
        assert encoder.facts()["table"]["dropped"] == 0
        assert encoder.facts()["lines"] == len(self.source.rows)
        return written.getvalue()

    def lines(self, table):
        if self.format == "csv":
            return lines_of_csv([table])
        return lines_of_parquet(pyarrow.parquet.ParquetFile(io.BytesIO(table)))

    def read(self, table):
        if self.format == "csv":
            return list(csv.DictReader(io.StringIO(table.decode(), newline="")))
        return pyarrow.parquet.read_table(io.BytesIO(table)).to_pylist()

    def check(self, rows, table):
        """Each row stands there in its place, with an answer of its own or none."""
        found = self.read(table)
        assert [int(each["id"]) for each in found] == [row["id"] for row in rows]
        assert [each["review"] or "" for each in found] == [row["review"] or "" for row in rows]
        asked = [request["params"] for request in self.all_requests()]
        for each, params in zip(found, asked, strict=True):
            column = "hash" if self.output_type else "text"
            if each["outcome"] == "succeeded":
                assert each["hash" if self.output_type else "text"] == hash_of(params)
            else:
                assert each["outcome"] in {"expired", "errored", "canceled", "invalid_output"}
                assert not each[column]

    def all_requests(self):
        with Unanswered([], None, dedupe=False) as everything:
            blocks = request_lines(self.source.batches(self.recipe.columns), self.recipe, everything)
            return [msgspec.json.decode(line) for block in blocks for line in block.lines]


def stop_reason(content):
    return "tool_use" if content["type"] == "tool_use" else "end_turn"


def hash_of(params):
    return hashlib.sha256(msgspec.json.encode(params, order="sorted")).hexdigest()


@pytest.mark.parametrize("format_", ["parquet", "csv"])
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "texts"])
@given(NIGHTS, st.booleans(), st.integers(1, 4), st.integers())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_row_has_the_answer_to_its_request_and_none_is_paid_twice(format_, typed, nights, dedupe, size, seed):
    dag = Nights(typed=typed, dedupe=dedupe, format_=format_, size=size, seed=seed)
    earlier = []
    for rows in nights:
        table = dag.night(rows, earlier)
        dag.check(rows, table)
        earlier += [line.data for line in iter_lines(dag.lines(table))]


def test_a_table_of_arrow_keeps_its_types():
    held = pyarrow.table(
        {
            "id": pyarrow.array([1, 2], "uint16"),
            "review": pyarrow.array(["a", None], "large_string"),
            "more": pyarrow.array([[{"a": 1}], None], pyarrow.large_list(pyarrow.struct([("a", "int8")]))),
        }
    )
    recipe = Recipe(id_columns=["id"], prompt="{review}", params={"model": "m", "max_tokens": 1})
    source = Rows([], recipe, None, 1)
    source.batches = lambda _columns: (rows for batch in held.to_batches() for rows in arrow_batches(batch))
    written = io.BytesIO()
    table = RowTable(rows=source, columns=["more", "id", "review"], on_unanswered="keep")
    encoder = table.encoder("parquet", written.write)
    encoder.close()
    found = pyarrow.parquet.read_table(io.BytesIO(written.getvalue()))
    assert found.schema.field("more").type == held.schema.field("more").type
    assert found.select(["id", "review", "more"]).to_pylist() == held.to_pylist()

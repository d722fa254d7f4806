"""A row of a table says as a result line what the line said that it was made of."""

from __future__ import annotations

import csv
import io

import pytest

from airflow_provider_sam.api.jsonl import Line
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.tables import ANSWER_COLUMNS, line_of_row, lines_of_csv
from airflow_provider_sam.rows.answers import Answer, answer_of

MESSAGE = {
    "stop_reason": "end_turn",
    "model": "sam-1",
    "input_tokens": 1,
    "output_tokens": 2,
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": 4,
}


@pytest.mark.parametrize(
    "answer",
    [
        Answer("a", "succeeded", 'so "it" is\u2028', **MESSAGE),
        Answer("a", "succeeded", "", **MESSAGE),
        Answer("a", "succeeded", '{"n": 1e2 , "n":12345678901234567890123}', **MESSAGE | {"stop_reason": "tool_use"}),
        Answer("a", "succeeded", '{"n": 1', **MESSAGE | {"stop_reason": "tool_use"}),
        Answer("a", "succeeded", '{"n":\n1}', **MESSAGE | {"stop_reason": "tool_use"}),
        Answer("a", "succeeded", "7", **MESSAGE | {"stop_reason": "tool_use"}),
        Answer("a", "succeeded", "x", **dict.fromkeys(MESSAGE)),
        Answer("a", "errored", error="api_error: Internal: no\nway"),
        Answer("a", "errored", error="overloaded_error"),
        Answer("a", "errored", error="What is this?"),
        Answer("a", "expired"),
        Answer("a", "unanswered"),
        Answer("a", "a-new-one"),
    ],
)
def test_a_row_becomes_the_line_of_its_answer(answer):
    line = line_of_row(answer._asdict())
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert answer_of(line) == answer


def test_an_answer_that_is_not_of_its_type_is_an_outcome_of_its_own_with_the_text_as_it_came():
    answer = Answer("a", "invalid_output", '{"n": 1}', "n: not a text", **MESSAGE)
    line = line_of_row(answer._asdict())
    found = tally(Line(1, 0, line))
    assert (found.outcome, found.error_type, found.error_message) == (
        "invalid_output",
        "invalid_output",
        "n: not a text",
    )
    assert answer_of(line).text == answer.text


def in_csv(*rows, columns=("more", *ANSWER_COLUMNS)):
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([columns, *rows])
    return file.getvalue().encode()


def test_csv_is_read_in_pieces_of_any_size_and_texts_may_be_long():
    before = csv.field_size_limit()
    text = 'a\r\n"b", é' * 20_000
    data = in_csv(["x", "a", "succeeded", "", text, "end_turn", "sam-1", "1", "2", "", "4"])
    for size in (1000, 77_777, len(data)):
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        (line,) = lines_of_csv(chunks)
        assert answer_of(line) == Answer("a", "succeeded", text, **MESSAGE)
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it has no column 'custom_id'"),
        (in_csv(columns=("id", "text")), "it has no column 'custom_id'"),
        (in_csv(["x", "a", "succeeded"]), "3 values instead of 11"),
        (in_csv() + b'"a', "line 2: unexpected end of data"),
        (b"\xff", "codec can't decode"),
    ],
)
def test_csv_that_is_no_table_is_refused(data, said):
    with pytest.raises(ValueError, match=said):
        list(lines_of_csv([data]))

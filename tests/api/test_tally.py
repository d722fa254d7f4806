from __future__ import annotations

import pytest

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.jsonl import Line
from airflow_provider_sam.api.tally import UsageTally, tally


def line(text):
    """A line of results."""
    return Line(7, 1234, text.encode())


def facts(text):
    """Everything that is counted of a line, but the error's message."""
    found = tally(line(text))
    return found.custom_id, found.outcome, found.model, found.stop_reason, found.usage, found.error_type


MESSAGE = '"model":"m","stop_reason":"end_turn","content":[{"type":"text","text":"\\ud83d"}],"id":"x"'
USAGE = '{"input_tokens":3,"output_tokens":5,"cache_read_input_tokens":null,"newer":{"a":1}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f'{{"custom_id":"a","result":{{"type":"succeeded","message":{{{MESSAGE},"usage":{USAGE}}}}}}}',
            ("a", "succeeded", "m", "end_turn", UsageTally(input_tokens=3, output_tokens=5), None),
        ),
        (
            '{"result":{"error":{"type":"error","error":{"type":"api_error","message":"m"}},"type":"errored"},"custom_id":"a"}',
            ("a", "errored", None, None, None, "api_error"),
        ),
        ('{"custom_id":"a","result":{"type":"errored"}}', ("a", "errored", None, None, None, None)),
        ('{"custom_id":"a","result":{"type":"errored","error":{}}}', ("a", "errored", None, None, None, None)),
        ('{"custom_id":"a","result":{"type":"canceled"}}', ("a", "canceled", None, None, None, None)),
        ('{"custom_id":"a","result":{"type":"expired"},"newer":[1]}', ("a", "expired", None, None, None, None)),
        ('{"custom_id":"a","result":{"type":"postponed","until":1}}', ("a", "postponed", None, None, None, None)),
    ],
)
def test_the_facts_of_a_line_are_read_whatever_else_is_in_it(text, expected):
    assert facts(text) == expected


def test_the_message_of_an_error_is_read():
    found = tally(
        line('{"custom_id":"a","result":{"type":"errored","error":{"error":{"type":"t","message":"words"}}}}')
    )

    assert found.error_message == "words"
    assert tally(line('{"custom_id":"a","result":{"type":"expired"}}')).error_message is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"custom_id":"a"}',
        '{"custom_id":7,"result":{"type":"expired"}}',
        '{"custom_id":"a","result":{}}',
        '{"custom_id":"a","result":{"type":"succee',
        '{"custom_id":"a","result":"expired"}',
        '{"custom_id":"\\ud83d","result":{"type":"expired"}}',
        '{"custom_id":"a","result":{"type":"expired"},"deep":' + "[" * 500_000 + "]" * 500_000 + "}",
        '{"custom_id":"a","result":{"type":"expired"}}{"custom_id":"b"',
    ],
)
def test_a_torn_line_is_an_error_that_says_where_it_is(text):
    with pytest.raises(SamResponseError, match=f"line 7, {len(text)} bytes from byte 1234 on, is not a result"):
        tally(line(text))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("7", (None, None, None)),
        ('{"model":"m","usage":{"input_tokens":"3"}}', ("m", None, None)),
        ('{"model":"m","stop_reason":{"newer":1},"usage":{"output_tokens":2}}', ("m", None, UsageTally(None, 2))),
        ('{"model":"m\\ud83d","stop_reason":"s","newer":NaN}', ("m\ufffd", "s", None)),
        (f'{{"model":"m","usage":{{"input_tokens":{"1" * 6000}}}}}', ("m", None, None)),
    ],
)
def test_what_cannot_be_read_of_a_result_counts_as_absent(message, expected):
    found = tally(line(f'{{"custom_id":"a","result":{{"type":"succeeded","message":{message}}}}}'))

    assert (found.custom_id, found.outcome) == ("a", "succeeded")
    assert (found.model, found.stop_reason, found.usage) == expected


def test_bytes_that_are_no_text_are_an_error_too():
    with pytest.raises(SamResponseError, match="line 7"):
        tally(Line(7, 0, b'{"custom_id":"\xff","result":{"type":"expired"}}'))

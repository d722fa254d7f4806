"""A record survives any memory, and one that cannot be read is an error, never "nothing is remembered"."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_sam.batches.store.record import (
    Anchor,
    BatchRecord,
    Record,
    from_json,
    to_json,
)
from airflow_provider_sam.exceptions import SamStateError

ANCHOR = Anchor("msgbatch_0", datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC))
KNOWN = BatchRecord("aaa", 5, batch_id="msgbatch_1")
OPEN = BatchRecord("bbb", 5, intended=True, anchor=ANCHOR, keys=("0" * 16, "f" * 16))
NEW = BatchRecord("ccc", 5)
RECORD = Record(3, (KNOWN, NEW), "try", token="t", earlier=(OPEN,), orders={"1": "a"})


@pytest.mark.parametrize("record", [Record(0, (), "try"), RECORD])
def test_a_record_is_read_as_it_was_written(record):
    written = json.dumps(to_json(record))
    assert from_json(written.encode(), where="x") == from_json(json.loads(written), where="x") == record


def test_a_record_is_written_in_json_types_alone():
    written = to_json(RECORD)
    assert json.loads(json.dumps(written)) == written
    assert type(written["batches"]) is list


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"null", "has version None"),
        ([], "has version None"),
        ({}, "has version None"),
        (to_json(RECORD) | {"version": 3}, "has version 3; this provider reads versions 1 and 2"),
        ({"version": 1}, "cannot be read"),
        (to_json(RECORD) | {"new": 1}, "cannot be read"),
        ({"version": 1, "round": 0, "batches": [{"fingerprint": "a"}]}, "cannot be read"),
    ],
)
def test_what_is_no_record_is_an_error_that_names_its_place(value, problem):
    with pytest.raises(SamStateError, match=rf"the record at s3://b/k {problem}|the record at s3://b/k .*{problem}"):
        from_json(value, where="s3://b/k")


def test_a_record_of_version_1_is_still_read():
    batches = [{"fingerprint": "aaa", "requests": 5, "intended": False, "anchor": None, "batch_id": "msgbatch_1"}]
    written = {"round": 3, "batches": batches, "writer": "try", "version": 1}
    assert from_json(written, where="x") == Record(3, (KNOWN,), "try")


def test_a_record_knows_what_exists_or_may_exist():
    assert RECORD.known == (KNOWN, OPEN)
    assert RECORD.batch_ids == {"msgbatch_1"}


def test_the_order_of_an_input_is_remembered_once_something_of_it_was_sent():
    assert RECORD.with_order("2", "b").orders == {"1": "a", "2": "b"}
    assert RECORD.with_order("1", "b").orders == {"1": "b"}
    assert Record(3, (NEW,), "try", orders={"1": "a"}).with_order("1", "a").orders == {}
    many = RECORD
    for number in range(30):
        many = many.with_order(str(number), "x")
    assert list(many.orders) == [str(number) for number in range(10, 30)]

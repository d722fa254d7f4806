"""A record survives any memory, and one that cannot be read is an error, never "nothing is remembered"."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_sam.batches.record import (
    Anchor,
    BatchRecord,
    Record,
    carried_over,
    from_json,
    left_behind,
    to_json,
)
from airflow_provider_sam.exceptions import SamStateError

ANCHOR = Anchor("msgbatch_0", datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC))
KNOWN = BatchRecord("aaa", 5, batch_id="msgbatch_1")
OPEN = BatchRecord("bbb", 5, intended=True, anchor=ANCHOR)
RECORD = Record(3, (KNOWN, OPEN), "try")


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
        (to_json(RECORD) | {"version": 2}, "has version 2; this provider reads version 1"),
        ({"version": 1}, "cannot be read"),
        (to_json(RECORD) | {"new": 1}, "cannot be read"),
        ({"version": 1, "round": 0, "batches": [{"fingerprint": "a"}]}, "cannot be read"),
    ],
)
def test_what_is_no_record_is_an_error_that_names_its_place(value, problem):
    with pytest.raises(SamStateError, match=rf"the record at s3://b/k {problem}|the record at s3://b/k .*{problem}"):
        from_json(value, where="s3://b/k")


@pytest.mark.parametrize(
    ("record", "wanted", "carried", "left"),
    [
        (None, [("aaa", 5)], (BatchRecord("aaa", 5),), ()),
        (RECORD, [("aaa", 5), ("bbb", 5)], (KNOWN, OPEN), ()),
        (RECORD, [("bbb", 5), ("aaa", 5)], (OPEN, KNOWN), ()),
        (RECORD, [("aaa", 5), ("ccc", 7)], (KNOWN, BatchRecord("ccc", 7)), (OPEN,)),
        (RECORD, [], (), (KNOWN, OPEN)),
    ],
)
def test_the_same_requests_are_the_same_batch_and_changed_ones_are_another(record, wanted, carried, left):
    assert carried_over(record, wanted) == carried
    assert left_behind(record, wanted) == left

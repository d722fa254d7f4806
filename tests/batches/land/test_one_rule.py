"""What the ledger takes for a result, every format can hold, and the reader gives back."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.models import MalformedResultLine, SucceededResult
from airflow_provider_sam.api.redaction import clean_text
from airflow_provider_sam.batches.counting import LONGEST_NAME
from airflow_provider_sam.batches.land.ledger import Ledger
from airflow_provider_sam.batches.land.manifest import build_manifest
from airflow_provider_sam.batches.land.sink import Sink
from airflow_provider_sam.results import iter_published, read_texts

NAMES = ("r.jsonl", "r.jsonl.gz", "r.jsonl.zst", "r.parquet")
USAGE = b'{"input_tokens":1,"output_tokens":2}'

# JSON, and what looks like it: each may stand wherever a line has a value.
ODD = [
    b"null",
    b"true",
    b"7",
    b"-1.5",
    b"1e400",
    b"9223372036854775808",
    b"1" * 6000,
    b"NaN",
    b"-Infinity",
    b'""',
    b'"text"',
    '"\u2028 \u65e5\u672c \U0001f600"'.encode(),
    rb'"\ud83d"',
    rb'"\ude00 \\ud83d \ud83d\ude00"',
    b'"\xff"',
    b'"NaN"',
    b"[]",
    b'["text"]',
    b"{}",
    b'{"text":"an object"}',
    b'[{"type":"newer","text":{"an":"object"}},{"type":"text","text":"known"}]',
    b'[{"type":"text","text":"with NaN","newer":NaN}]',
    rb'[{"type":"text","text":"half a smile \ud83d"}]',
    b'[{"type":"text","text":"bytes \xff\xfe"}]',
    b'[{"type":"text","text":null}]',
    b"[" * 300 + b"]" * 300,
    b"[" * 5000 + b"]" * 5000,
    b'"torn',
]
odd = st.sampled_from(ODD)


def or_odd(*usual):
    return st.one_of(st.sampled_from(usual), odd)


messages = st.builds(
    lambda content, model, stop, usage, newer: (
        b'{"id":"m","type":"message","role":"assistant","content":%s,"model":%s,"stop_reason":%s,"usage":%s,"newer":%s}'
        % (content, model, stop, usage, newer)
    ),
    or_odd(b'[{"type":"text","text":"answer"}]'),
    or_odd(b'"sam-small"'),
    or_odd(b'"end_turn"'),
    st.one_of(
        st.just(USAGE),
        odd,
        st.builds(lambda count: b'{"input_tokens":%s,"output_tokens":2}' % count, odd),
    ),
    or_odd(b"1"),
)
errors = st.builds(lambda kind: b'{"type":"error","error":{"type":%s,"message":"no"}}' % kind, or_odd(b'"api_error"'))
results = st.one_of(
    st.builds(lambda message: b'{"type":"succeeded","message":%s}' % message, st.one_of(messages, odd)),
    st.builds(lambda error: b'{"type":"errored","error":%s}' % error, st.one_of(errors, odd)),
    st.builds(lambda kind: b'{"type":%s}' % kind, or_odd(b'"succeeded"', b'"errored"', b'"expired"')),
    odd,
)
lines = st.builds(
    lambda custom_id, result, newer: b'{"custom_id":%s,"result":%s,"newer":%s}' % (custom_id, result, newer),
    or_odd(b'"a"'),
    results,
    or_odd(b"1"),
)


def line(message):
    return b'{"custom_id":"a","result":{"type":"succeeded","message":%s}}' % message


def message(content=b"[]", usage=USAGE, newer=b"1"):
    return (
        b'{"id":"m","type":"message","role":"assistant","model":"m","content":%s,"stop_reason":"end_turn",'
        b'"usage":%s,"newer":%s}' % (content, usage, newer)
    )


@settings(max_examples=150, deadline=None)
@given(line=lines, end=st.sampled_from([b"\n", b"\r\n", b""]), cuts=st.lists(st.integers(0, 300), max_size=3))
@example(line=b'{"custom_id":"a","result":{"type":"succeeded"}}', end=b"\n", cuts=[])
@example(line=b'{"custom_id":"a","result":{"type":"errored"}}', end=b"\n", cuts=[])
def test_what_is_counted_can_be_stored_and_read(line, end, cuts):
    body = line + end
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    ledger = Ledger()
    try:
        for start, stop in pairwise(edges):
            ledger.add(body[start:stop])
        ledger.close()
    except SamResponseError as refused:
        assert f"line 1, {len(line)} bytes from byte 0 on, is not a result" in str(refused)  # noqa: PT017
        return
    ((outcome, number),) = (+ledger.outcomes).items()
    counted = (number, outcome)
    texts = {name: check_stored(line, body, name, counted) for name in NAMES}
    assert len(set(texts.values())) == 1


def check_stored(line, body, name, counted):
    """Store a line in a format, and read it; gives its text, None where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        file = stored(Path(folder) / name, body)
        manifest = manifest_of(file)
        (row,) = iter_published(manifest)
        assert (1, clean_text(row.result.type, LONGEST_NAME)) == counted
        texts = read_texts(manifest)
        assert (row.custom_id in texts) == (row.result.type == "succeeded")
        if isinstance(row, MalformedResultLine):
            assert row.raw == line.decode(errors="replace")
        if name.endswith("parquet"):
            check_columns(Path(folder) / name, line, row, texts)
        return texts.get(row.custom_id)


def manifest_of(file):
    return build_manifest(format=file["format"], files=[file], batches=[], carried=None, published_at="")


def check_columns(path, line, row, texts):
    (columns,) = pyarrow.parquet.read_table(path).to_pylist()
    assert columns["raw"] == line.decode(errors="replace")
    assert (columns["custom_id"], columns["outcome"]) == (row.custom_id, row.result.type)
    if isinstance(row.result, SucceededResult):
        assert columns["text"] == texts[row.custom_id]


def stored(path, body):
    format_ = "parquet" if path.suffix == ".parquet" else "jsonl"
    sink = Sink(object_storage_path(path.as_uri()), format_)
    sink.write(body)
    sha256 = sink.close()
    sink.commit()
    return {"path": path.as_uri(), "format": format_, "lines": 1, "bytes": sink.stored_size, "sha256": sha256}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        (line(message(rb'[{"type":"text","text":"half a smile \ud83d"}]')), SucceededResult, "half a smile \ufffd"),
        (line(message(b'[{"type":"text","text":"a byte \xff"}]')), SucceededResult, "a byte \ufffd"),
        (line(message(b'[{"type":"newer","text":{"a":1}}]')), SucceededResult, ""),
        (line(message(newer=b"NaN")), SucceededResult, ""),
        (line(message(usage=b'{"input_tokens":9223372036854775808,"output_tokens":1}')), SucceededResult, ""),
        (line(message(b"null")), MalformedResultLine, ""),
        (line(message(b'[{"type":"text","text":"whole"},{"type":"text","text":7}]')), MalformedResultLine, "whole"),
        (b'{"custom_id":"a","result":{"type":"succeeded"}}', MalformedResultLine, ""),
        (b'{"custom_id":"a","result":{"type":"errored"}}', MalformedResultLine, None),
    ],
)
def test_odd_results_are_read_as_far_as_they_go(tmp_path, name, line, kind, text):
    ledger = Ledger()
    ledger.add(line + b"\n")
    manifest = manifest_of(stored(tmp_path / name, line + b"\n"))
    (row,) = iter_published(manifest)
    assert kind in {type(row), type(row.result)}
    assert read_texts(manifest).get("a") == text
    assert json.loads(row.model_dump_json())["result"]["type"] == row.result.type

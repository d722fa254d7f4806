"""Whatever the chunks, the ledger counts the same lines, and says what disagrees."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.batches import counting as module
from airflow_provider_sam.batches.counting import OTHER_MESSAGES
from airflow_provider_sam.batches.land.ledger import Ledger


def row(custom_id, kind="succeeded", **more):
    return json.dumps({"custom_id": custom_id, "result": {"type": kind, **more}}).encode()


def error(message):
    return {"error": {"type": "error", "error": {"type": "api_error", "message": message}}}


def ledger_of(*chunks):
    ledger = Ledger()
    for chunk in chunks:
        ledger.add(chunk)
    ledger.close()
    return ledger


BODY = b"\r\n".join([row("a"), row("b", "expired"), b"", row("c", "errored", **error("no")), b" ", row("d")])


@given(st.lists(st.integers(0, len(BODY)), max_size=8), st.sampled_from([b"\n", b""]))
def test_chunks_do_not_matter(cuts, end):
    edges = [0, *sorted(cuts), len(BODY)]
    ledger = ledger_of(*(BODY[start:stop] for start, stop in pairwise(edges)), end)
    assert ledger.facts() == ledger_of(BODY).facts()
    assert (ledger.lines, ledger.size) == (4, len(BODY) + len(end))


@pytest.mark.parametrize("chunk", [3, 10_000])
def test_a_line_that_is_no_result_is_named(chunk):
    body = row("a") + b"\n\n" + row("b")[:-3] + b"\n" + row("c") + b"\n"
    with pytest.raises(SamResponseError, match=rf"line 3, {len(row('b')) - 3} bytes from byte {len(row('a')) + 2} on"):
        ledger_of(*(body[start : start + chunk] for start in range(0, len(body), chunk)))


def test_a_result_before_its_line_feed_counts_as_arrived():
    ledger = Ledger()
    ledger.add(row("a") + b"\n" + row("b")[:-1])
    assert not ledger.holds(2)
    ledger.add(b"}")
    assert ledger.holds(2)
    assert not ledger.holds(3)


def test_messages_that_differ_in_every_row_take_no_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_ERRORS", 2)
    ledger = ledger_of(*(row(str(number), "errored", **error(f"row {number}")) + b"\n" for number in range(5)))
    assert ledger.facts()["errors"][0] == {"type": "api_error", "message": OTHER_MESSAGES, "count": 3}


def test_usage_is_summed_for_each_model():
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": None}
    message = {"message": {"model": "m", "stop_reason": "end_turn", "usage": usage}}
    facts = ledger_of(row("a", **message) + b"\n" + row("b", **message)).facts()
    assert facts["usage"] == {
        "m": {"input_tokens": 6, "output_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10}
    }
    assert facts["stop_reasons"] == {"end_turn": 2}

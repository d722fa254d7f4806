"""Which rows are worth another round; and that rounds end with each custom_id exactly once."""

from __future__ import annotations

import json
import logging
import random
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.api.tally import LineTally, tally
from airflow_provider_sam.batches.land.carry_over import CarryOver
from airflow_provider_sam.batches.land.failed import failed_custom_ids, is_worth_repeating
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.batches.land.reader import lines_of
from tests.batches.raw_server import BATCH_ID, Answer, raw_server


def result(outcome):
    """Return a result of an outcome such as `expired`, `errored:api_error` or `succeeded:max_tokens`."""
    kind, _, detail = outcome.partition(":")
    if kind == "succeeded":
        return {"type": kind, "message": {"stop_reason": detail or "end_turn"}}
    return {"type": kind, **({"error": {"error": {"type": detail}}} if kind == "errored" else {})}


@pytest.mark.parametrize(
    ("outcome", "worth"),
    [
        ("succeeded", False),
        ("succeeded:max_tokens", True),
        ("errored:api_error", True),
        ("errored:overloaded_error", True),
        ("errored:new_error", True),
        ("errored:invalid_request_error", False),
        ("errored:request_too_large", False),
        ("expired", True),
        ("canceled", True),
        ("paused", False),
    ],
)
def test_worth_repeating(outcome, worth):
    row = msgspec.convert({"custom_id": "a", "result": result(outcome)}, LineTally)
    assert is_worth_repeating(row, stop_reasons=["max_tokens"]) is worth


OUTCOMES = st.sampled_from(["succeeded", "errored:api_error", "errored:invalid_request_error", "canceled", "expired"])


def body_of(outcomes, order):
    rows = [{"custom_id": name, "result": result(outcome)} for name, outcome in outcomes.items()]
    random.Random(order).shuffle(rows)
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def land(outcomes, order, path, carry=None):
    kinds = [outcome.partition(":")[0] for outcome in outcomes.values()]
    with raw_server({kind: kinds.count(kind) for kind in kinds}, Answer(body_of(outcomes, order))) as server:
        publication = Publication(
            batch_ids=[BATCH_ID],
            path=object_storage_path(path.as_uri()),
            carry_over=CarryOver(carry) if carry else None,
            overwrite="replace",
        )
        with SamClient(ClientSettings(base_url=server.url, api_key="a-key")) as client:
            return publish(client, publication, log=logging.getLogger(__name__))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"\A[a-zA-Z0-9_-]{1,8}\Z"), OUTCOMES, min_size=1), st.data())
def test_two_rounds_end_with_each_custom_id_once(outcomes, data):
    with tempfile.TemporaryDirectory() as folder:
        manifest = land(outcomes, 0, Path(folder) / "round-0.jsonl")
        expected = dict(outcomes)
        for number in (1, 2):
            failed = failed_custom_ids(manifest)
            assert failed == {name for name, outcome in expected.items() if outcome in WORTH}
            if not failed:
                break
            again = {name: data.draw(OUTCOMES) for name in sorted(failed)}
            expected |= again
            manifest = land(again, number, Path(folder) / f"round-{number}.jsonl", carry=manifest)
        rows = [tally(line) for file in manifest["files"] for line in lines_of(file)]
        assert {row.custom_id: row.outcome for row in rows} == {
            name: outcome.partition(":")[0] for name, outcome in expected.items()
        }
        assert len(rows) == len(outcomes) == manifest["total"]["lines"]


WORTH = {"errored:api_error", "canceled", "expired"}

"""Whatever the API calls things, a manifest stays short and printable, and its sums are right."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from airflow_provider_sam.api.redaction import clean_text
from airflow_provider_sam.batches.counting import LONGEST_NAME, MOST_NAMES, OTHERS, count_into
from airflow_provider_sam.batches.land.ledger import Ledger
from airflow_provider_sam.batches.land.manifest import build_manifest


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("sam-small", "sam-small"),
        ("Größe 日本", "Größe 日本"),
        ("red\x1b[31m\nline\u2028\x00", "red [31m line  "),
        ("\ud83d", " "),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
        ("x" * (LONGEST_NAME + 1), "x" * (LONGEST_NAME - 3) + "..."),
    ],
)
def test_a_text_is_printable_and_short(text, kept):
    assert clean_text(text, LONGEST_NAME) == kept


def test_names_beyond_the_first_hundred_are_counted_together():
    total = Counter()
    count_into(total, Counter({f"name-{number}": 1 for number in range(MOST_NAMES)}))
    count_into(total, Counter({"name-1": 2, "another": 3, "more": 4}))
    assert len(total) == MOST_NAMES + 1
    assert (total["name-1"], total[OTHERS]) == (3, 7)


def test_a_manifest_is_small_though_every_result_has_names_of_its_own():
    ledger = Ledger()
    for number in range(2000):
        name = f"{number}-" + "x" * 500
        usage = {"input_tokens": 1, "output_tokens": 2}
        message = {"model": name, "stop_reason": name, "usage": usage}
        error = {"type": "error", "error": {"type": name, "message": name * 10}}
        for kind, result in ((name, {}), ("succeeded", {"message": message}), ("errored", {"error": error})):
            line = {"custom_id": f"{number}-{kind[:10]}", "result": {"type": kind, **result}}
            ledger.add(json.dumps(line).encode() + b"\n")
    entry = {"batch_id": "b", "bytes": ledger.size, **ledger.facts()}
    manifest = build_manifest(format="jsonl", files=[], batches=[entry] * 3, carried=None, published_at="")
    total = manifest["total"]
    assert len(json.dumps(manifest)) < 1_000_000
    assert sum(total["counts"].values()) == total["lines"] == 18_000
    assert (total["counts"]["succeeded"], total["counts"]["errored"]) == (6000, 6000)
    assert sum(tokens["output_tokens"] for tokens in total["usage"].values()) == 12_000

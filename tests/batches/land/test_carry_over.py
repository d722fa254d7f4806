"""Results that are carried over are written in blocks, each once, and a round that holds one twice is refused."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.batches.land import carry_over
from airflow_provider_sam.batches.land.carry_over import CarryOver
from airflow_provider_sam.batches.land.sink import Sink
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.land.test_publish_faults import line


def earlier(folder, *names):
    """Publish an earlier round of results."""
    body = b"".join(line(name, "expired") for name in names)
    path = folder / "first.jsonl"
    path.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    file = {"path": path.as_uri(), "format": "jsonl", "lines": len(names), "bytes": len(body), "sha256": digest}
    return CarryOver(manifest={"files": [file]})


def test_only_what_was_not_answered_again_is_carried_over_however_small_the_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(carry_over, "CHUNK", 100)
    sink = Sink(object_storage_path((tmp_path / "both.jsonl").as_uri()), "jsonl")
    facts = earlier(tmp_path, *(f"row-{number}" for number in range(20))).copy(sink, {"row-3", "row-19"})
    sink.close()
    sink.commit()
    left = [number for number in range(20) if number not in {3, 19}]
    assert (tmp_path / "both.jsonl").read_bytes() == b"".join(line(f"row-{number}", "expired") for number in left)
    assert facts["lines"] == len(left)


def test_a_custom_id_that_an_earlier_round_holds_twice_is_refused(tmp_path):
    sink = Sink(object_storage_path((tmp_path / "both.jsonl").as_uri()), "jsonl")
    with pytest.raises(SamResultsError, match="contain custom_id 'a' more than once"):
        earlier(tmp_path, "a", "b", "a").copy(sink, set())
    sink.discard()
    assert not (tmp_path / "both.jsonl").exists()

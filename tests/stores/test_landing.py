"""On every store, results appear whole or not at all, through an Airflow connection."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.batches.land.reader import lines_of
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.land.test_publish_faults import line
from tests.batches.raw_server import Answer, raw_server
from tests.stores.store import BLOCK_SIZE, COUNTS, LINES, MANIFEST, RESULTS, WHOLE

pytestmark = [
    pytest.mark.stores,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # Azure's SDK does
]


def test_results_and_manifest_appear_and_can_be_read_back(store):
    assert len(WHOLE) > 2 * BLOCK_SIZE
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        manifest = store.land(server.url)
        assert store.land(server.url) == manifest
        assert len(server.asked) == 1
    assert store.names() == [RESULTS, MANIFEST]
    assert store.read(RESULTS) == WHOLE
    assert json.loads(store.read(MANIFEST)) == manifest
    assert manifest["files"][0]["path"] == store.results
    assert sum(1 for _ in lines_of(manifest["files"][0])) == LINES


def test_a_small_result_is_put_at_once(store):
    body = line("row-0")
    with raw_server({"succeeded": 1}, Answer(body)) as server:
        store.land(server.url)
    assert store.read(RESULTS) == body


def test_while_results_are_staged_nothing_is_visible_and_the_manifest_comes_last(store, monkeypatch):
    from airflow_provider_sam.batches.land import publish as publishing

    seen = []
    for name in ("_commit", "_commit_manifest"):
        whole = getattr(publishing, name)
        monkeypatch.setattr(publishing, name, lambda *given, whole=whole: (seen.append(store.names()), whole(*given)))
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        store.land(server.url)
    assert seen == [[], [RESULTS]]


def test_a_mismatch_leaves_nothing_and_keeps_what_was_there(store):
    store.put(RESULTS, b"earlier")
    with raw_server(COUNTS, Answer(line("row-0"))) as server, pytest.raises(SamResultsError, match="instead of 18000"):
        store.land(server.url)
    assert store.names() == [RESULTS]
    assert store.read(RESULTS) == b"earlier"


@pytest.mark.parametrize("overwrite", ["replace", "skip-if-complete"])
def test_what_was_there_is_replaced_at_the_commit(store, overwrite):
    store.put(RESULTS, b"earlier")
    store.put(MANIFEST, b"{}")
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        manifest = store.land(server.url, overwrite=overwrite)
    assert store.read(RESULTS) == WHOLE
    assert json.loads(store.read(MANIFEST)) == manifest


def test_what_was_there_is_not_replaced_with_overwrite_error(store):
    store.put(RESULTS, b"earlier")
    with raw_server(COUNTS, Answer(WHOLE)) as server, pytest.raises(SamResultsError, match="exists; remove it"):
        store.land(server.url, overwrite="error")
    assert store.names() == [RESULTS]
    assert store.read(RESULTS) == b"earlier"


def test_a_killed_writer_leaves_nothing_visible_and_the_retry_lands(store):
    store.kill_a_writer(RESULTS)
    assert store.names() == []
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        store.land(server.url)
    assert store.names() == [RESULTS, MANIFEST]
    assert store.read(RESULTS) == WHOLE

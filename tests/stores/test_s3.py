"""On S3, results appear whole or not at all, through an Airflow connection, and no upload stays unfinished."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches import staging
from airflow_provider_sam.batches.landed import lines_of
from airflow_provider_sam.batches.publishing import Publication, publish
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.raw_server import BATCH_ID, Answer, raw_server
from tests.batches.test_publishing_faults import line
from tests.batches.test_publishing_kills import kill_often

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900)]

MEBIBYTE = 1024 * 1024
LINES = 18_000
COUNTS = {"succeeded": LINES}
URI = "s3://my_s3@lake/day/results.jsonl"


@pytest.fixture(scope="module")
def whole():
    """Results that need three parts of an upload."""
    return b"".join(line(f"row-{number}") for number in range(LINES))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(staging, "BLOCK_SIZE", 5 * MEBIBYTE)


def unfinished(s3):
    return s3.call_s3("list_multipart_uploads", Bucket="lake").get("Uploads", [])


def land(url, uri=URI, **more):
    publication = Publication(batch_ids=[BATCH_ID], path=object_storage_path(uri), **more)
    with SamClient(ClientSettings(base_url=url, api_key="a-key")) as client:
        return publish(client, publication, log=logging.getLogger(__name__))


def test_results_and_manifest_appear_and_can_be_read_back(s3, whole):
    assert len(whole) > 2 * staging.BLOCK_SIZE
    with raw_server(COUNTS, Answer(whole)) as server:
        manifest = land(server.url)
        assert land(server.url) == manifest
        assert len(server.asked) == 1
    assert s3.cat_file("lake/day/results.jsonl") == whole
    assert manifest["files"][0]["path"] == URI
    assert sum(1 for _ in lines_of(manifest["files"][0])) == LINES
    assert unfinished(s3) == []


def test_a_small_result_is_put_at_once(s3):
    body = line("row-0")
    with raw_server({"succeeded": 1}, Answer(body)) as server:
        land(server.url)
    assert s3.cat_file("lake/day/results.jsonl") == body


@pytest.mark.parametrize("parts", [0, 2])
def test_a_mismatch_leaves_nothing_and_keeps_what_was_there(s3, whole, parts):
    s3.pipe_file("lake/day/results.jsonl", b"earlier")
    body = whole[: whole.index(b"\n", parts * 5 * MEBIBYTE) + 1]
    with raw_server(COUNTS, Answer(body)) as server, pytest.raises(SamResultsError, match="instead of 18000"):
        land(server.url)
    assert s3.cat_file("lake/day/results.jsonl") == b"earlier"
    assert s3.ls("lake/day", refresh=True, detail=False) == ["lake/day/results.jsonl"]
    assert unfinished(s3) == []


def test_what_a_killed_writer_began_is_aborted_by_the_retry_and_nothing_else_is(s3, whole):
    program = (
        "import os, signal\n"
        "from airflow_provider_sam._compat import object_storage_path\n"
        "from airflow_provider_sam.batches import staging\n"
        "staging.BLOCK_SIZE = 5 * 1024 * 1024\n"
        f"for uri in ({URI!r}, {URI!r} + '.other'):\n"
        "    staging.stage(object_storage_path(uri)).write(b'x' * 11 * 1024 * 1024)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert s3.ls("lake", refresh=True) == []
    assert len(unfinished(s3)) == 2
    with raw_server(COUNTS, Answer(whole)) as server:
        land(server.url)
    assert [upload["Key"] for upload in unfinished(s3)] == ["day/results.jsonl.other"]


def test_thirty_kills_leave_nothing(s3, whole, tmp_path):
    assert kill_often(tmp_path, URI, 30, whole=whole, counts=COUNTS) >= 10
    assert sorted(s3.ls("lake/day", refresh=True, detail=False)) == [
        "lake/day/results.jsonl",
        "lake/day/results.jsonl.manifest.json",
    ]
    assert unfinished(s3) == []

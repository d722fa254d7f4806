"""On S3, no upload stays unfinished: neither that of a failed landing nor, after the retry, that of a killed one."""

from __future__ import annotations

import pytest

from tests.batches.land.test_publish_kills import kill_often
from tests.batches.raw_server import Answer, raw_server
from tests.stores.store import COUNTS, MANIFEST, RESULTS, WHOLE

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900)]


def unfinished(s3):
    return [upload["Key"] for upload in s3.files.call_s3("list_multipart_uploads", Bucket="lake").get("Uploads", [])]


@pytest.fixture(autouse=True)
def _none_unfinished(s3):
    for upload in s3.files.call_s3("list_multipart_uploads", Bucket="lake").get("Uploads", []):
        s3.files.call_s3("abort_multipart_upload", Bucket="lake", Key=upload["Key"], UploadId=upload["UploadId"])


def test_a_landing_finishes_its_upload(s3):
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        s3.land(server.url)
    assert unfinished(s3) == []


def test_a_mismatch_after_two_parts_keeps_what_was_there_and_aborts(s3):
    s3.land_less_than_counted()
    assert s3.names() == [RESULTS]
    assert s3.read(RESULTS) == b"earlier"
    assert unfinished(s3) == []


def test_what_a_killed_writer_began_is_aborted_by_the_retry_and_nothing_else_is(s3):
    s3.kill_a_writer(RESULTS, "day/other.jsonl")
    assert len(unfinished(s3)) == 2
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        s3.land(server.url)
    assert unfinished(s3) == ["day/other.jsonl"]


def test_thirty_kills_leave_nothing(s3, tmp_path):
    assert kill_often(tmp_path, s3.results, 30, whole=WHOLE, counts=COUNTS) >= 10
    assert s3.names() == [RESULTS, MANIFEST]
    assert unfinished(s3) == []

"""Uploads that a killed task has left at S3 are aborted: those to just this object, and no others."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from airflow_provider_sam.batches.leftovers import abort_unfinished_uploads

LOG = logging.getLogger(__name__)
UPLOADS = [
    {"Key": "day/r.jsonl", "UploadId": "ours-1"},
    {"Key": "day/r.jsonl.manifest.json", "UploadId": "a neighbour's"},
    {"Key": "day/r.jsonl", "UploadId": "ours-2"},
]


class Bucket:
    """Stands for s3fs: lists uploads, or refuses to, and remembers what it was told to abort."""

    def __init__(self, uploads, refusal=None):
        self.uploads, self.refusal, self.aborted = uploads, refusal, []

    def call_s3(self, method, **arguments):
        if method == "abort_multipart_upload":
            self.aborted.append(arguments["UploadId"])
            return {}
        if self.refusal:
            raise self.refusal
        return {"Uploads": self.uploads} if self.uploads else {}


def place(bucket, protocol="s3"):
    return SimpleNamespace(protocol=protocol, path="bucket/day/r.jsonl", fs=bucket)


@pytest.mark.parametrize(
    ("protocol", "uploads", "aborted"),
    [("s3", UPLOADS, ["ours-1", "ours-2"]), ("s3a", [], []), ("gs", UPLOADS, [])],
)
def test_only_what_was_begun_to_be_uploaded_to_this_object_is_aborted(protocol, uploads, aborted):
    bucket = Bucket(uploads)
    assert abort_unfinished_uploads(place(bucket, protocol), LOG) == len(aborted)
    assert bucket.aborted == aborted


def test_a_connection_that_may_not_list_uploads_leaves_them_and_says_so(caplog):
    bucket = Bucket(UPLOADS, PermissionError("Access Denied"))
    assert abort_unfinished_uploads(place(bucket), LOG) == 0
    assert bucket.aborted == []
    assert "Access Denied" in caplog.text

"""What a killed task leaves on a store: uploads that were begun and never will be completed.

They are visible to nobody, but on S3 they are kept, and billed, until somebody aborts them. Other stores forget theirs
by themselves, after about a week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.batches.progress import Logger

S3_PROTOCOLS = frozenset({"s3", "s3a"})


def abort_unfinished_uploads(path: ObjectStoragePath, log: Logger) -> int:
    """Abort what others have begun to upload to just this object; gives how many there were.

    One that is still being written, by a task that Airflow has given up but that goes on, fails when it commits: of two
    writers, the later one counts. Where the connection may not list uploads, they stay, and a warning says so.
    """
    if path.protocol not in S3_PROTOCOLS:
        return 0
    bucket, _, key = path.path.partition("/")
    try:
        answer = path.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
    except PermissionError as problem:
        log.warning("Cannot look for unfinished uploads to %s: %s", path, problem)
        return 0
    unfinished = [upload["UploadId"] for upload in answer.get("Uploads", ()) if upload["Key"] == key]
    for upload in unfinished:
        path.fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=upload)
        log.info("Aborted an unfinished upload to %s, left by a task that was killed", path)
    return len(unfinished)

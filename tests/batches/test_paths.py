"""A path leads where it was written to, or is refused before anything is asked of the API."""

from __future__ import annotations

import pytest

from airflow_provider_sam._compat import AirflowOptionalProviderFeatureException, ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import paths as storage_paths
from airflow_provider_sam.batches.paths import check_exact, destination, readable_path, storage_path

NAME = "n" * (255 - len("..partial"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("results.jsonl", "has no scheme, the part before '://'"),
        ("day/results.jsonl", "has no scheme"),
        ("/data/results.jsonl", "or 'file:///data/results.jsonl' for a disk"),
        ("file:/data/results.jsonl", "has no scheme"),
        ("", "has no scheme"),
        ("file:///data/r.jsonl::x", "chains filesystems"),
        ("s3://bucket/r.jsonl::x", "chains filesystems"),
        ("file:///data/../r.jsonl", "has '.' or '..' in it"),
        ("s3://bucket/day/../r.jsonl", "has '.' or '..' in it"),
        ("s3://bucket/r.jsonl?versionId=abc", "names a version of an object"),
        ("file:///data/a\0b", "control character"),
        ("s3://bucket/a\nb", "control character"),
        ("file://host/r.jsonl", "would become"),
        ("file://~/r.jsonl", "would become"),
        (f"file:///data/{NAME}n", "is too long"),
        (f"s3://bucket/{'k' * 1025}", "is too long"),
        ("nosuch://bucket/r.jsonl", "no installed provider has a file system for nosuch://"),
        ("zip://r.jsonl", "no installed provider has a file system for zip://"),
    ],
)
def test_what_leads_elsewhere_is_refused(text, complaint):
    with pytest.raises(SamRequestError, match=complaint):
        destination(text)


@pytest.mark.parametrize(
    "text",
    [
        "file:///data/r.jsonl",
        "file:///data//r.jsonl",
        "file:///data/day/",
        "file:///data/results of today?.jsonl",
        f"file:///data/{NAME}",
        "s3://bucket/r.jsonl",
        "s3://bucket/day=2026-01-01/r.jsonl#a",
        f"s3://bucket/{'k' * 1024}",
    ],
)
def test_what_leads_where_it_says_is_taken(text):
    assert str(destination(text)).rstrip("/") in {text.rstrip("/"), text.replace("data//", "data/")}


def test_a_connection_of_its_own_is_no_other_place():
    assert str(destination("s3://bucket/r.jsonl", "lake")) == "s3://lake@bucket/r.jsonl"
    assert str(destination("s3://other@bucket/r.jsonl", "lake")) == "s3://lake@bucket/r.jsonl"


def test_a_path_object_is_looked_at_too():
    with pytest.raises(SamRequestError, match="chains filesystems"):
        check_exact(ObjectStoragePath("file:///data/r.jsonl::x"))


def test_a_local_file_can_be_read_without_a_scheme_but_not_from_wherever_the_worker_stands(tmp_path):
    (tmp_path / "r").write_text("r")
    assert readable_path(f"{tmp_path}/r").read_text() == "r"
    with pytest.raises(SamRequestError, match="carry_over 'r' has no scheme"):
        readable_path("r", what="carry_over")


@pytest.mark.parametrize(
    ("scheme", "extra"),
    [("gs", "gcs"), ("abfs", "azure"), ("abfss", "azure"), ("s3", "s3"), ("s3a", "s3")],
)
def test_a_store_without_its_extra_says_which_one(monkeypatch, scheme, extra):
    monkeypatch.setitem(storage_paths.LIBRARY_OF_EXTRA, extra, "a_library_that_nobody_has")
    monkeypatch.setattr(ObjectStoragePath, "fs", property(no_file_system))
    with pytest.raises(AirflowOptionalProviderFeatureException) as caught:
        storage_path(f"{scheme}://bucket/r.jsonl")
    assert f"pip install 'airflow-provider-sam[{extra}]'" in str(caught.value).splitlines()[0]


def test_a_store_without_its_provider_says_the_extra_too(monkeypatch):
    monkeypatch.setattr(ObjectStoragePath, "fs", property(no_file_system))
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"^s3:// needs its provider: pip install"):
        storage_path("s3://bucket/r.jsonl")


def no_file_system(path):
    raise ValueError(f"No filesystem registered for scheme {path.protocol}")


def test_other_failures_of_a_store_come_as_they_are(monkeypatch):
    def refuse(_):
        raise ValueError("no such connection")

    monkeypatch.setattr(ObjectStoragePath, "fs", property(refuse))
    with pytest.raises(ValueError, match="no such connection"):
        storage_path("s3://bucket/r.jsonl")


def test_what_only_the_store_knows_is_asked_of_the_store(monkeypatch):
    path = storage_path("s3://bucket/day/r.jsonl")
    monkeypatch.setattr(type(path.fs), "split_path", lambda _, path: path.split("@")[0].split("/", 1))
    check_exact(path)
    with pytest.raises(SamRequestError, match="means 'bucket/r' to the store"):
        check_exact(storage_path("s3://bucket/r@version.jsonl"))

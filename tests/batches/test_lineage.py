"""Lineage names what was read and written as other tools name it, and never a connection."""

from __future__ import annotations

import pytest

from airflow_provider_sam.batches.lineage import dataset_name, event_extra, inputs_of, outputs_of, plain_uri

MANIFEST = {
    "batches": [{"batch_id": "msgbatch_1"}, {"batch_id": "msgbatch_2"}],
    "files": [{"path": "s3://conn@lake/day/final.jsonl"}],
    "carried_over": {"files": [{"path": "s3://conn@lake/day/round-1/a.jsonl"}, {"path": "/data/b.jsonl"}]},
    "total": {
        "lines": 5,
        "bytes": 700,
        "counts": {"succeeded": 4, "errored": 1, "canceled": 0, "expired": 0},
        "errors": [{"type": "api_error", "message": "what a user wrote", "count": 1}],
    },
}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("s3://bucket/a/b.jsonl", "s3://bucket/a/b.jsonl"),
        ("s3://conn@bucket/a/b.jsonl", "s3://bucket/a/b.jsonl"),
        ("gs://bucket/a@b/c.jsonl", "gs://bucket/a@b/c.jsonl"),
        ("s3://conn@bucket", "s3://bucket"),
        ("file:///data/a.jsonl", "file:///data/a.jsonl"),
        ("file://conn@/data/a.jsonl", "file:///data/a.jsonl"),
        ("/data/a@b.jsonl", "file:///data/a@b.jsonl"),
    ],
)
def test_a_path_loses_its_connection_and_nothing_else(path, uri):
    assert plain_uri(path) == uri


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://bucket/a/b.jsonl", ("s3://bucket", "a/b.jsonl")),
        ("gs://bucket/a", ("gs://bucket", "a")),
        ("file:///data/a.jsonl", ("file", "/data/a.jsonl")),
        ("https://api.example:8443/v1/x/results", ("https://api.example:8443", "v1/x/results")),
    ],
)
def test_a_data_set_is_named_by_its_store_and_its_place_in_it(uri, name):
    assert dataset_name(uri) == name


def test_a_publication_was_made_from_the_batches_results_and_the_files_carried_over():
    assert list(inputs_of(MANIFEST, "https://api.example")) == [
        "https://api.example/v1/messages/batches/msgbatch_1/results",
        "https://api.example/v1/messages/batches/msgbatch_2/results",
        "s3://lake/day/round-1/a.jsonl",
        "file:///data/b.jsonl",
    ]
    assert list(inputs_of(MANIFEST | {"batches": [], "carried_over": None}, "https://api.example")) == []


def test_a_publication_consists_of_its_files():
    assert list(outputs_of(MANIFEST)) == ["s3://lake/day/final.jsonl"]


def test_an_event_says_how_much_there_is_and_nothing_of_what_it_says():
    assert event_extra(MANIFEST) == {
        "batch_ids": ["msgbatch_1", "msgbatch_2"],
        "counts": MANIFEST["total"]["counts"],
        "lines": 5,
        "bytes": 700,
        "files": ["s3://conn@lake/day/final.jsonl"],
    }

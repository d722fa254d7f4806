"""Results appear at their destination whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import json

import pytest

from airflow_provider_sam.api.backoff import Backoff
from airflow_provider_sam.api.errors import SamError
from airflow_provider_sam.emulator import Cut, Fault, Lines, OnDemand
from airflow_provider_sam.exceptions import SamResultsError
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator


@pytest.fixture
def create(sam, requests):
    """Creates a batch at the emulator that has ended, unless told otherwise."""

    def create(*, end=True, outcomes=None):
        with SamHook().client as client:
            batch_id = client.create_batch(requests).id
        if end:
            sam.end_batch(batch_id, outcomes)
        return batch_id

    sam.progress = OnDemand()
    return create


def land(batch_id, path, **arguments):
    return SamBatchToObjectStorageOperator(task_id="land", batch_id=batch_id, path=path, **arguments).execute({})


def files(folder):
    return sorted(item.name for item in folder.rglob("*") if item.is_file())


def test_results_land_byte_for_byte_beside_their_manifest(create, tmp_path):
    batch_id = create(outcomes={"row-1": "errored", "row-2": "expired"})
    manifest = land(batch_id, (tmp_path / "new" / "results.jsonl").as_uri())
    landed = (tmp_path / "new" / "results.jsonl").read_bytes()
    with SamHook().client as client, client.stream_results(batch_id) as results:
        assert landed == b"".join(results)
    assert files(tmp_path) == ["results.jsonl", "results.jsonl.manifest.json"]
    assert json.loads((tmp_path / "new" / "results.jsonl.manifest.json").read_bytes()) == manifest
    (page,) = manifest["batches"]
    assert page["counts"] == {"succeeded": 3, "errored": 1, "canceled": 0, "expired": 1}
    assert (page["lines"], page["bytes"]) == (5, len(landed))
    assert page["sha256"] == hashlib.sha256(landed).hexdigest()
    assert page["stop_reasons"] == {"end_turn": 3}
    assert [error["count"] for error in page["errors"]] == [1]
    assert manifest["total"]["lines"] == 5


def test_several_batches_land_in_a_directory_with_one_manifest(create, tmp_path):
    ids = [create(), create()]
    manifest = land(ids, f"{tmp_path.as_uri()}/results/")
    assert files(tmp_path) == sorted([f"{ids[0]}.jsonl", f"{ids[1]}.jsonl", "results.manifest.json"])
    assert [page["batch_id"] for page in manifest["batches"]] == ids
    assert manifest["total"]["counts"]["succeeded"] == 10


def test_several_batches_land_in_one_file(create, requests, tmp_path):
    ids = [create()]
    for request in requests:
        request["custom_id"] += "-other"
    ids.append(create(outcomes={"row-1-other": "expired"}))
    manifest = land(ids, (tmp_path / "results.jsonl").as_uri())
    assert files(tmp_path) == ["results.jsonl", "results.jsonl.manifest.json"]
    landed = [json.loads(line)["custom_id"] for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
    assert sorted(landed) == sorted([f"row-{number}{end}" for number in range(5) for end in ("", "-other")])
    assert all(name.endswith("-other") == (place >= 5) for place, name in enumerate(landed))
    assert [(page["lines"], page["counts"]["expired"]) for page in manifest["batches"]] == [(5, 0), (5, 1)]


def test_batches_with_the_same_custom_ids_do_not_go_into_one_file(create, tmp_path):
    with pytest.raises(SamResultsError, match="5 custom_ids more than once"):
        land([create(), create()], (tmp_path / "results.jsonl").as_uri())
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("effect", "raised", "said"),
    [
        (Cut(after_bytes=700), SamResultsError, "broke off at byte"),
        (Cut(after_bytes=0, reset=True), SamResultsError, "broke off at byte"),
        (Lines("missing"), SamResultsError, "4 results instead of 5"),
        (Lines("duplicate"), SamResultsError, "1 custom_ids more than once"),
        (Lines("foreign"), SamResultsError, "6 results instead of 5"),
        (Lines("torn", line=2), SamError, "line 3, .* is not a result"),
    ],
    ids=["cut", "reset", "missing", "duplicate", "foreign", "torn"],
)
def test_results_that_are_not_the_whole_truth_leave_nothing_and_a_retry_lands_them(
    sam, create, tmp_path, effect, raised, said, mocker
):
    # It gives up after many seconds.
    mocker.patch("airflow_provider_sam.batches.land.download.BACKOFF", Backoff(first=0.0, longest=0.0))
    batch_id, path = create(), (tmp_path / "results.jsonl").as_uri()
    sam.faults.add(Fault(effect, operation="messages_batches_results", times=20))
    with pytest.raises(raised, match=said):
        land(batch_id, path)
    assert files(tmp_path) == []
    sam.faults.clear()
    assert land(batch_id, path)["total"]["lines"] == 5
    assert len((tmp_path / "results.jsonl").read_bytes().splitlines()) == 5


def test_what_was_there_stays_until_the_new_results_are_whole(sam, create, tmp_path):
    (tmp_path / "results.jsonl").write_bytes(b"yesterday\n")
    sam.faults.add(Fault(Lines("missing"), operation="messages_batches_results", times=20))
    with pytest.raises(SamResultsError):
        land(create(), (tmp_path / "results.jsonl").as_uri())
    assert (tmp_path / "results.jsonl").read_bytes() == b"yesterday\n"


def test_a_batch_that_has_not_ended_is_not_landed(create, tmp_path):
    with pytest.raises(SamResultsError, match="is in_progress"):
        land(create(end=False), (tmp_path / "results.jsonl").as_uri())
    assert files(tmp_path) == []


def test_a_batch_that_was_archived_is_not_landed(sam, create, tmp_path):
    batch_id = create()
    sam.archive_batch(batch_id)
    with pytest.raises(SamResultsError, match="its results are gone"):
        land(batch_id, (tmp_path / "results.jsonl").as_uri())

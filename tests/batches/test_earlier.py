"""What an earlier version has remembered is attached to, and what it has published is read and carried over."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.land.carry_over import CarryOver
from airflow_provider_sam.batches.land.failed import failed_custom_ids
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.emulator import ChosenId
from airflow_provider_sam.results import iter_published, read_manifest, read_texts
from tests.batches.raw_server import BATCH_ID, Answer, raw_server
from tests.batches.submission_lab import break_create, prompts, requests
from tests.earlier import EARLIER

RECORDS = EARLIER["records"]
INPUTS = {"given ids": requests(2), "generated ids": prompts(2)}


def create(lab, batch_id, sent):
    """Let the server have a batch of what the earlier version sent, under the id that it had then."""
    break_create(lab, ChosenId(batch_id))
    assert lab.client.create_batch(sent).id == batch_id


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_attached_to_and_nothing_is_paid_for_twice(lab, name):
    earlier = RECORDS[name]
    create(lab, earlier["anchor"], requests(1, "anchor"))
    create(lab, earlier["batch_id"], earlier["sent"])
    lab.restore(earlier["files"], earlier["task_state"], earlier["variables"])
    memory = lab.memory(earlier["kind"])
    ids = lab.submit(INPUTS[earlier["given"]], memory, leaves=1)
    assert ids == [earlier["batch_id"]]
    assert lab.ids() == [earlier["anchor"], earlier["batch_id"]]
    assert bool(lab.left) is (earlier["state"] == "unknown"), "what had no answer is proven by its results"
    assert lab.memory(earlier["kind"], run="another run").holder(earlier["batch_id"]).owner.startswith("dag/run/task/")


@pytest.fixture
def folder(tmp_path):
    """Where an earlier version has published two rounds."""
    for name, text in EARLIER["published"].items():
        (tmp_path / name).write_text(text.replace("{folder}", tmp_path.as_uri()))
    return tmp_path


@pytest.mark.parametrize("name", ["first.jsonl", "both.jsonl"])
def test_a_manifest_and_its_results_are_read(folder, name):
    manifest = read_manifest((folder / name).as_uri())
    assert manifest == json.loads((folder / f"{name}.manifest.json").read_text())
    found = {row.custom_id: row.result.type for row in iter_published(manifest)}
    assert found == {"a": "succeeded", "b": "errored" if name == "first.jsonl" else "succeeded", "c": "expired"}
    assert read_texts(manifest)["a"] == "Good day"
    assert failed_custom_ids(manifest) == ({"b", "c"} if name == "first.jsonl" else {"c"})


def publish_raw(path, body, counts, **arguments):
    with raw_server(counts, Answer(body)) as server:
        publication = Publication(batch_ids=[BATCH_ID], path=object_storage_path(path.as_uri()), **arguments)
        with SamClient(ClientSettings(base_url=server.url, api_key="a-key")) as client:
            manifest = publish(client, publication, log=logging.getLogger(__name__))
        return manifest, server.asked


def test_what_was_published_is_carried_over(folder):
    body = b'{"custom_id": "c", "result": {"type": "canceled"}}\n'
    carry_over = CarryOver(read_manifest((folder / "both.jsonl").as_uri()))
    manifest, _ = publish_raw(folder / "all.jsonl", body, {"canceled": 1}, carry_over=carry_over)
    found = {row.custom_id: row.result.type for row in iter_published(manifest)}
    assert found == {"a": "succeeded", "b": "succeeded", "c": "canceled"}
    assert manifest["carried_over"]["files"] == carry_over.manifest["files"]


def test_what_was_published_is_complete_and_not_landed_again(folder):
    manifest, asked = publish_raw(folder / "first.jsonl", b"", {})
    assert manifest == read_manifest((folder / "first.jsonl").as_uri())
    assert asked == []

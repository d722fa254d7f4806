"""What no batch can hold, or no destination can take, is refused by name; and a failed commit takes nothing back."""

from __future__ import annotations

import json
import logging

import pyarrow.parquet
import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.backoff import Backoff
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamRequestError, SamResponseError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.land import download, landing, parquet
from airflow_provider_sam.batches.land.encoders import encoder_for
from airflow_provider_sam.batches.land.manifest import manifest_path
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.land.test_publish_faults import COUNTS, WHOLE, line
from tests.batches.raw_server import BATCH_ID, Answer, raw_server

ETAG = {"etag": '"v1"'}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(download, "BACKOFF", Backoff(first=0.0, longest=0.0))


def land(server, path, *, limits=None, batch_ids=(BATCH_ID,), **more):
    settings = ClientSettings(
        base_url=server.url, api_key=getattr(server, "api_key", "a-key"), limits=limits or Limits()
    )
    publication = Publication(batch_ids=[*batch_ids], path=object_storage_path(path), **more)
    with SamClient(settings) as client:
        return publish(client, publication, log=logging.getLogger(__name__))


def test_a_format_that_is_none_is_refused():
    with pytest.raises(SamRequestError, match="format 'csv' is unknown; it is one of jsonl, parquet"):
        encoder_for("r.csv", "csv", bytearray().extend)


def test_a_whole_bucket_is_no_destination():
    with pytest.raises(SamRequestError, match="is a whole bucket; name a folder in it"):
        manifest_path(object_storage_path("s3://bucket"))


def test_a_batch_that_claims_more_results_than_any_has_is_not_downloaded(tmp_path):
    with (
        raw_server({"expired": landing.MOST_RESULTS + 1}, Answer(b"")) as server,
        pytest.raises(SamResultsError, match=rf"reports {landing.MOST_RESULTS + 1} results; the limit"),
    ):
        land(server, (tmp_path / "r.jsonl").as_uri())
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 5000], ids=["in many pieces", "at once"])
def test_a_line_longer_than_the_limit_is_refused_by_its_number(tmp_path, cut):
    body = line("a", "expired") + line("b").replace(b"Gr", b"x" * 20_000, 1)
    limits = Limits(max_result_line_bytes=10_000)
    with (
        raw_server({"succeeded": 1, "expired": 1}, Answer(body[:-cut], "chunked")) as server,
        pytest.raises((SamResponseError, SamResultsError), match=r"line 2, from byte \d+ on, .*10000 bytes"),
    ):
        land(server, (tmp_path / "r.jsonl").as_uri(), limits=limits)
    assert list(tmp_path.iterdir()) == []


def test_a_custom_id_longer_than_any_request_has_is_refused(tmp_path):
    with (
        raw_server({"expired": 1}, Answer(line("x" * 5000, "expired"))) as server,
        pytest.raises((SamResponseError, SamResultsError), match=r"has 5000 characters, which no request"),
    ):
        land(server, (tmp_path / "r.jsonl").as_uri())
    assert list(tmp_path.iterdir()) == []


def test_results_that_are_fewer_than_they_were_are_downloaded_anew(tmp_path):
    """After a cut, the server no longer has what was read: its 416 ends this download, and another one begins."""
    gone = Answer(b"", headers=ETAG, status="416 Range Not Satisfiable")
    cut = Answer(WHOLE[: len(WHOLE) // 2], length=len(WHOLE), headers=ETAG)
    with raw_server(COUNTS, cut, gone, Answer(WHOLE, headers=ETAG)) as server:
        manifest = land(server, (tmp_path / "r.jsonl").as_uri())
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE
    assert manifest["total"]["counts"]["succeeded"] == COUNTS["succeeded"]


@pytest.mark.parametrize("piece", [b"long", b"l\xffng"], ids=["text", "no text"])
def test_a_line_as_long_as_a_row_group_is_a_group_of_its_own(monkeypatch, tmp_path, piece):
    monkeypatch.setattr(parquet, "GROUP_BYTES", 5000)
    lines = [line("a", "expired"), line("b").replace(b"Gr", piece * 2000, 1), line("c", "expired")]
    with (tmp_path / "r.parquet").open("wb") as file:
        encoder = parquet.ParquetEncoder(file.write)
        encoder.add(b"".join(lines))
        encoder.close()
    stored = pyarrow.parquet.ParquetFile(tmp_path / "r.parquet")
    rows = stored.read().to_pylist()
    assert stored.num_row_groups == 3
    assert [row["custom_id"] for row in rows] == ["a", "b", "c"]
    assert rows[1]["raw"] == lines[1].decode(errors="replace").rstrip("\n")
    assert json.loads(rows[2]["raw"])["custom_id"] == "c"


def test_a_commit_that_fails_says_which_files_are_there_already(sam_emulator, requests, tmp_path, monkeypatch, caplog):
    with SamClient(ClientSettings(base_url=sam_emulator.url, api_key=sam_emulator.api_key)) as client:
        ids = [client.create_batch(requests).id for _ in range(2)]
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    commit, places = landing.Sink.commit, [tmp_path / "out" / f"{batch_id}.jsonl" for batch_id in ids]

    def commit_where_somebody_makes_a_directory(sink):
        if places[0].exists():
            places[1].mkdir()
        commit(sink)

    monkeypatch.setattr(landing.Sink, "commit", commit_where_somebody_makes_a_directory)
    with pytest.raises(IsADirectoryError):
        land(sam_emulator, (tmp_path / "out").as_uri(), batch_ids=ids, is_directory=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {place.name for place in places}
    assert not (tmp_path / "out.manifest.json").exists()
    assert "without a manifest" in caplog.text
    assert str(places[0]) in caplog.text

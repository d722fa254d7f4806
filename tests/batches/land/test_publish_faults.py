"""Whatever goes wrong on the way, the results appear with the bytes they should have, or do not appear at all."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.backoff import Backoff
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.land import download
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.raw_server import BATCH_ID, Answer, raw_server

LINES = 400


def line(custom_id, kind="succeeded"):
    result = {"type": kind}
    if kind == "succeeded":
        content = [{"type": "text", "text": f"Grüße \u2028 \U0001f600 {custom_id} " * 20}]
        result["message"] = {"content": content, "model": "sam-small", "stop_reason": "end_turn"}
    return json.dumps({"custom_id": custom_id, "result": result}, ensure_ascii=False).encode() + b"\n"


WHOLE = b"".join(line(f"row-{number}") for number in range(LINES))
COUNTS = {"succeeded": LINES}
LINE_END = WHOLE.index(b"\n", len(WHOLE) // 2) + 1
IN_LINE = LINE_END + 60
IN_CHARACTER = WHOLE.index("😀".encode(), LINE_END) + 2
ETAG = {"etag": '"v1"'}
CUTS = {"at a line's end": LINE_END, "in a line": IN_LINE, "in a character": IN_CHARACTER}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(download, "BACKOFF", Backoff(first=0.0, longest=0.0))


def land(server, path, **more):
    settings = ClientSettings(base_url=server.url, api_key="a-key", read_timeout=more.pop("read_timeout", 30))
    publication = Publication(batch_ids=[BATCH_ID], path=object_storage_path(path.as_uri()), **more)
    with SamClient(settings) as client:
        return publish(client, publication, log=logging.getLogger(__name__))


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("validator", [ETAG, {"last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"}], ids=["etag", "time"])
def test_a_cut_download_goes_on_to_the_same_bytes(tmp_path, where, framing, ranges, validator):
    cut = Answer(WHOLE[: CUTS[where]], framing, length=len(WHOLE), headers=validator)
    with raw_server(COUNTS, cut, Answer(WHOLE, framing, ranges=ranges, headers=validator)) as server:
        manifest = land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE
    assert manifest["total"]["counts"]["succeeded"] == LINES
    assert server.asked[1]["range"] == f"bytes={CUTS[where] - download.OVERLAP}-"
    assert [server.asked[1]["if-range"]] == list(validator.values())
    assert len(server.asked) == 2


def test_a_download_cut_in_its_first_bytes_is_asked_for_from_the_start(tmp_path):
    with raw_server(COUNTS, Answer(WHOLE[:50], length=len(WHOLE)), Answer(WHOLE, ranges=True)) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE
    assert "range" not in server.asked[1]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_stalled_download_goes_on_to_the_same_bytes(tmp_path, framing):
    stalled = Answer(WHOLE[:IN_LINE], framing, length=len(WHOLE), stall=True)
    with raw_server(COUNTS, stalled, Answer(WHOLE, ranges=True)) as server:
        land(server, tmp_path / "r.jsonl", read_timeout=0.3)
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE


def test_a_download_may_break_many_times_as_long_as_it_gets_on(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS", 10_000)
    cuts = range(20_000, len(WHOLE), 20_000)
    assert len(cuts) > download.FRUITLESS_TRIES
    answers = [Answer(WHOLE[:cut], length=len(WHOLE)) for cut in cuts]
    with raw_server(COUNTS, *answers, Answer(WHOLE)) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE


def test_a_download_that_never_gets_on_fails_with_the_place(tmp_path):
    reason = pytest.raises(SamResultsError, match=f"broke off at byte {IN_LINE}, 6 times in a row")
    with raw_server(COUNTS, Answer(WHOLE[:IN_LINE], length=len(WHOLE))) as server, reason:
        land(server, tmp_path / "r.jsonl")
    assert list(tmp_path.iterdir()) == []


OTHER = WHOLE.replace(b"row-1 ", b"ROW-1 ", 3)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_results_that_change_during_a_break_are_downloaded_anew(tmp_path, ranges):
    other = WHOLE.replace("Grüße".encode(), b"Gruesse") if ranges else OTHER
    answers = (Answer(WHOLE[:IN_LINE], length=len(WHOLE), headers=ETAG), Answer(other, ranges=ranges, headers=ETAG))
    with raw_server(COUNTS, *answers) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == other
    assert "range" not in server.asked[-1]


EARLY_CHANGE = WHOLE.replace(b"row-1 ", b"ROW-1 ", 3)
LATE_CHANGE = WHOLE.replace(b"row-399 ", b"ROW-399 ", 3)


@pytest.mark.parametrize("other", [EARLY_CHANGE, LATE_CHANGE], ids=["before the break", "after the break"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(ETAG, {"etag": '"v2"'}), ({}, {}), ({"etag": 'W/"v1"'}, {"etag": 'W/"v1"'})],
    ids=["another version", "no version", "a weak version"],
)
def test_two_versions_of_the_results_are_never_mixed(tmp_path, other, before, after):
    """The bytes around the break are the same, so that they alone would not tell."""
    answers = (Answer(WHOLE[:IN_LINE], length=len(WHOLE), headers=before), Answer(other, ranges=True, headers=after))
    with raw_server(COUNTS, *answers) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == other
    assert len(server.asked) == (3 if other is EARLY_CHANGE else 2)


def test_a_part_of_another_version_than_was_asked_for_is_not_taken(tmp_path):
    part = Answer(WHOLE, ranges=True, headers=ETAG, stubborn=True)
    answers = (Answer(WHOLE[:IN_LINE], length=len(WHOLE), headers={"etag": '"v0"'}), part)
    with raw_server(COUNTS, *answers) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE
    assert "range" not in server.asked[2]


def test_fewer_bytes_than_before_the_break_are_downloaded_anew(tmp_path):
    cut = Answer(WHOLE[:IN_LINE], length=len(WHOLE))
    with raw_server(COUNTS, cut, Answer(WHOLE[:1000], "close"), Answer(WHOLE)) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE


ROWS = WHOLE.splitlines(keepends=True)
WRONG = {
    "a duplicate": (
        b"".join([*ROWS, ROWS[7]]),
        "401 results instead of 400; 1 custom_ids more than once, such as 'row-7'",
    ),
    "a duplicate in place of another": (
        b"".join([*ROWS[:-1], ROWS[7]]),
        "1 custom_ids more than once, such as 'row-7'",
    ),
    "a foreign row": (WHOLE + line("foreign", "canceled"), "1 canceled instead of 0; 401 results instead of 400"),
    "a missing row": (b"".join(ROWS[1:]), "399 succeeded instead of 400; 399 results instead of 400"),
    "another outcome": (
        b"".join(ROWS[1:]) + line("row-0", "expired"),
        "399 succeeded instead of 400; 1 expired instead of 0",
    ),
    "a torn row": (
        b"".join([*ROWS[:9], ROWS[9][:50], b"\n", *ROWS[10:]]),
        "after 9 of 400: line 10, 50 bytes from byte",
    ),
    "two results in a line": (b"".join([ROWS[0][:-1], *ROWS[1:]]), "line 1,"),
    "something else": (b"<html>no results</html>\n", "after 0 of 400: line 1,"),
    "nothing": (b"", "0 results instead of 400"),
}


@pytest.mark.parametrize("framing", ["length", "close"])
@pytest.mark.parametrize("what", WRONG)
def test_results_that_are_not_the_whole_truth_do_not_appear(tmp_path, what, framing):
    body, figures = WRONG[what]
    with raw_server(COUNTS, Answer(body, framing)) as server, pytest.raises(SamResultsError) as caught:
        land(server, tmp_path / "r.jsonl")
    assert figures in str(caught.value)
    assert len(server.asked) > 1, "a mismatch is downloaded again before it fails"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", WRONG)
def test_a_mismatch_that_passes_ends_in_the_right_bytes(tmp_path, what):
    with raw_server(COUNTS, Answer(WRONG[what][0]), Answer(WHOLE)) as server:
        land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == WHOLE


@pytest.mark.parametrize(
    "body",
    [
        WHOLE.replace(b"\n", b"\r\n"),
        WHOLE.replace(b"\n", b"\n\n"),
        b"\n \n" + WHOLE + b"\r\n\r\n",
        WHOLE.removesuffix(b"\n"),
    ],
    ids=["CRLF", "blank lines between", "blank lines around", "no last line feed"],
)
def test_bytes_arrive_as_they_were_sent(tmp_path, body):
    with raw_server(COUNTS, Answer(body)) as server:
        manifest = land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == body
    assert manifest["total"]["lines"] == LINES
    assert len(server.asked) == 1


def test_result_types_that_are_new_are_landed_and_counted(tmp_path):
    body = b"".join([line("a"), line("b", "paused"), line("c", "paused")])
    with raw_server({"succeeded": 1, "errored": 2}, Answer(body)) as server:
        manifest = land(server, tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == body
    assert manifest["total"]["counts"] == {"succeeded": 1, "errored": 0, "canceled": 0, "expired": 0, "paused": 2}


def test_what_lies_at_the_destination_survives_a_failure(tmp_path):
    (tmp_path / "r.jsonl").write_text("earlier")
    with raw_server(COUNTS, Answer(WRONG["a missing row"][0])) as server, pytest.raises(SamResultsError):
        land(server, tmp_path / "r.jsonl", overwrite="replace")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"r.jsonl": "earlier"}

"""An answer is for what was asked, and an id that came from a server leads nowhere else."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.settings import ClientSettings
from tests.api.calls import BATCH
from tests.api.servers import RawServer, http

UNTRUSTED = ["../../../evil", "/tmp/x", "", ".", "a b", "a\x00b", "a\n", "x" * 129]  # noqa: S108 - never opened


def batch(identifier, **more):
    counts = dict.fromkeys(["processing", "succeeded", "errored", "canceled", "expired"], 0)
    moments = dict.fromkeys(["created_at", "expires_at"], "2025-01-01T00:00:00Z")
    return {
        "id": identifier,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": counts,
        **moments,
        **more,
    }


@pytest.fixture
def answered(call):
    """Calls a method that is answered with this JSON."""

    def attempt(answer, method, *args):
        with RawServer(http(json.dumps(answer).encode())) as server:
            return call(ClientSettings(base_url=server.url, api_key="k"), method, *args)

    return attempt


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("get_batch", batch("B")),
        ("cancel_batch", batch("B")),
        ("delete_batch", {"id": "B", "type": "message_batch_deleted"}),
    ],
)
def test_an_answer_about_another_batch_is_an_error(answered, method, answer):
    with pytest.raises(errors.SamResponseError, match="asked about 'A', the answer is about 'B'"):
        answered(answer, method, "A")

    assert answered({**answer, "id": "A"}, method, "A").id == "A"


@pytest.mark.parametrize("identifier", UNTRUSTED)
def test_a_batch_created_under_an_id_that_cannot_be_trusted_is_ambiguous(answered, identifier):
    with pytest.raises(errors.SamAmbiguousSubmitError, match="a batch exists, but its id cannot be trusted"):
        answered(batch(identifier), "create_batch", BATCH)


@pytest.mark.parametrize("bad", [batch("../x"), batch("B", expires_at=None), batch(7), None, "text"])
def test_one_batch_that_cannot_be_read_is_left_out_of_its_page_alone(answered, bad, caplog):
    page = answered({"data": [batch("A"), bad, batch("C")], "has_more": False, "newer": 1}, "list_batches")

    assert [entry.id for entry in page.data] == ["A", "C"]
    assert page.newer == 1
    assert "Skipped 1 of 3 batches" in caplog.text

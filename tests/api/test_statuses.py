"""A page of statuses agrees with the models, and refuses what they refuse."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.models import MessageBatchPage
from airflow_provider_sam.api.statuses import read_batches

COUNTS = {"processing": 0, "succeeded": 1, "errored": 2, "canceled": 3, "expired": 4}
GOING_ON = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "canceling",
    "request_counts": COUNTS,
    "created_at": "2026-01-01T00:00:00.123456Z",
    "expires_at": "2026-01-02T00:00:00+02:00",
    "ended_at": None,
    "archived_at": None,
    "cancel_initiated_at": "2026-01-01T01:00:00Z",
    "results_url": None,
    "news": [1],
}
ENDED = GOING_ON | {"processing_status": "ended", "ended_at": "2026-01-01T02:00:00Z"}


def page(*batches, **changes):
    return json.dumps({"data": batches, "has_more": True, "first_id": "a", "last_id": "b"} | changes).encode()


def test_a_status_page_sees_what_the_models_see():
    statuses, models = read_batches(page(GOING_ON, ENDED)), MessageBatchPage.read(page(GOING_ON, ENDED))
    assert statuses.has_more == models.has_more
    for seen, model in zip(statuses.data, models.data, strict=True):
        names = ("id", "processing_status", "created_at", "expires_at", "ended_at", "cancel_initiated_at")
        assert [getattr(seen, name) for name in names] == [getattr(model, name) for name in names]
        assert {name: getattr(seen.request_counts, name) for name in COUNTS} == model.request_counts.model_dump()
        assert seen.is_terminal == model.is_terminal


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>secret</html>",
        page()[:-5],
        b'{"data": [], "has_more": "\xff"}',
        page(has_more="secret"),
        page(data="secret"),
        page()[:-1] + b', "news": \xff}',
    ],
)
def test_what_is_no_page_is_refused_by_both_without_its_contents(body):
    for read in (read_batches, MessageBatchPage.read):
        with pytest.raises(ValueError, match=r"^not ") as refused:
            read(body)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "malformed",
    [
        GOING_ON | {"expires_at": None},
        GOING_ON | {"created_at": "secret"},
        GOING_ON | {"created_at": "2026-01-01T00:00:00"},
        GOING_ON | {"request_counts": COUNTS | {"expired": "secret"}},
        {"id": "secret"},
        GOING_ON | {"id": ""},
        GOING_ON | {"id": "../secret"},
        GOING_ON | {"id": "msgbatch_1\n"},
        GOING_ON | {"id": "x" * 129},
        None,
        [],
    ],
)
def test_a_batch_that_cannot_be_read_is_left_out_and_the_others_are_read(malformed):
    statuses = read_batches(page(GOING_ON, malformed, ENDED))
    assert statuses == read_batches(page(GOING_ON, ENDED))
    assert len(statuses.data) == 2
    assert MessageBatchPage.read(page(GOING_ON, malformed, ENDED)) == MessageBatchPage.read(page(GOING_ON, ENDED))

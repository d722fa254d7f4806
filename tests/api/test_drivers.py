"""Broken exchanges over real HTTP, waits of every kind, and bodies that are streamed."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.bodies import RequestsBody
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import Cut, Delay, Drop, Fault, Stall, Status
from tests.api.calls import BATCH, CREATE, PAID, READ, STREAMS
from tests.api.servers import RawServer, http

FAULTS = [
    (Drop(), errors.SamDisconnectedError),
    (Drop(accepted=True), errors.SamDisconnectedError),
    (Drop(accepted=True, reset=True), errors.SamDisconnectedError),
    (Cut(0), errors.SamDisconnectedError),
    (Cut(10), errors.SamDisconnectedError),
    (Cut(10, reset=True), errors.SamDisconnectedError),
    (Delay(30), errors.SamTimeoutError),
    (Stall(5, 30), errors.SamTimeoutError),
]


@pytest.mark.parametrize(("fault", "cls"), FAULTS)
@pytest.mark.parametrize(
    ("which", "count"),
    [
        (READ, 2),
        (("iter_results", (), "messages_batches_results"), 2),
        (PAID, 1),
        (CREATE, 1),
        *((stream, 1) for stream in STREAMS),
    ],
    ids=lambda which: which[0] if isinstance(which, tuple) else None,
)
def test_a_broken_exchange_is_repeated_only_where_sending_twice_is_harmless(
    call, settings, sam_emulator, fault, cls, which, count
):
    method, args, operation = which
    if method == "iter_results":
        batch = call(settings, "create_batch", BATCH)
        call(settings, "get_batch", batch.id)
        begun = isinstance(fault, Cut | Stall)  # once the results have begun, they are not begun again
        args, count = (batch.id,), 1 if begun else count
    sam_emulator.faults.add(Fault(fault, operation=operation, times=None))
    seconds = 0.3 if cls is errors.SamTimeoutError else 60.0
    timeout = {"timeout": seconds} if which is PAID else {}

    with pytest.raises(errors.SamError) as failed:
        call(replace(settings, read_timeout=seconds, max_retries=1), method, *args, **timeout)

    error = failed.value
    if which is CREATE:
        assert type(error) is errors.SamAmbiguousSubmitError
        error = error.cause
    assert type(error) is cls
    assert sam_emulator.count(operation) == count


def test_retry_after_is_honoured_in_seconds(fails):
    assert fails(READ, Status(429, retry_after=100))[1:] == (6, [100.0] * 5)


def test_retry_after_is_honoured_as_a_date(call, settings, patience, sam_emulator):
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    sam_emulator.faults.add(Fault(Status(503, retry_after=then), operation="messages_batches_list"))

    call(settings, "list_batches")

    assert patience.waits == [pytest.approx(300, abs=30)]


def test_a_wait_of_a_day_is_honoured_where_the_caller_has_a_day(call, settings, patience, sam_emulator):
    sam_emulator.faults.add(Fault(Status(429, retry_after=86_400), operation="messages_batches_list"))

    call(settings, "list_batches", retry_for=100_000)

    assert patience.waits == [86_400.0]


def test_a_wait_beyond_the_deadline_is_an_error_at_once_that_says_so(fails):
    error, count, waited = fails(CREATE, Status(429, retry_after=7200))

    assert (count, waited) == (1, [])
    assert type(error) is errors.SamRateLimitError
    assert error.retry_after == 7200.0
    assert "asks to wait 7200 s, beyond the 600 s left of this call's retry_for" in str(error)


def test_the_connection_says_how_often_and_how_long_to_repeat(call, sam_emulator):
    sam_emulator.faults.add(Fault(Status(500), times=None))
    for limits, count in (({"max_retries": 2}, 3), ({"retry_for": 0.5}, 2), ({"max_retries": 0}, 1)):
        sam_emulator._service.log.clear()
        settings = ClientSettings(base_url=sam_emulator.url, api_key=sam_emulator.api_key, **limits)
        with pytest.raises(errors.SamServerError):
            call(settings, "list_models")
        assert len(sam_emulator.requests) == count


def test_each_repeat_is_logged_in_one_line_without_secrets(fails, caplog, settings):
    with caplog.at_level(logging.INFO, "airflow_provider_sam.api"):
        error, _, _ = fails(READ, Status(529, retry_after=3), times=1000)

    messages = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider_sam.api")]
    assert len(messages) == 5
    assert messages[0].startswith("list_batches: attempt 1 failed with 529 (request req_")
    assert messages[0].endswith("); next attempt in 3.0 s")
    assert settings.api_key not in caplog.text + str(error)


def test_a_404_to_a_repeated_delete_is_raised_with_what_has_probably_happened(call, settings, sam_emulator):
    batch = call(settings, "create_batch", BATCH)
    call(settings, "get_batch", batch.id)
    sam_emulator.faults.add(Fault(Drop(accepted=True), operation="messages_batches_delete"))

    with pytest.raises(errors.SamNotFoundError, match="has probably deleted it") as failed:
        call(settings, "delete_batch", batch.id)

    assert failed.value.attempts == 2
    with pytest.raises(errors.SamNotFoundError) as plain:
        call(settings, "delete_batch", batch.id)
    assert "probably" not in str(plain.value)


class Body:
    """A body that says it has 10 bytes."""

    content_length = 10

    def __init__(self, *pieces):
        self.pieces = pieces

    def __iter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@pytest.mark.parametrize(
    ("body", "cls", "problem"),
    [
        (Body(b'{"requests":[', b"]}"), errors.SamRequestError, "more bytes than its content_length of 10"),
        (Body(b"{", b"}"), errors.SamRequestError, "fewer bytes than its content_length of 10"),
        (Body(b"{", OSError("the disk is gone")), OSError, "the disk is gone"),
    ],
)
def test_a_body_that_fails_while_it_is_sent_is_no_request_and_nothing_is_repeated(call, settings, body, cls, problem):
    with RawServer() as server, pytest.raises(cls, match=problem):
        call(replace(settings, base_url=server.url), "create_batch", body)

    assert server.requests == []


def test_a_streamed_body_is_sent_from_its_start_again(call, settings, patience):
    body = RequestsBody(BATCH, settings.limits)
    counts = dict.fromkeys(["succeeded", "errored", "canceled", "expired"], 0) | {"processing": 1}
    created = {"id": "b", "type": "message_batch", "processing_status": "in_progress", "request_counts": counts}
    times = dict.fromkeys(["created_at", "expires_at"], "2025-01-01T00:00:00Z")
    overloaded = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "No."}}).encode()
    with RawServer(http(overloaded, status="529 Overloaded"), http(json.dumps(created | times).encode())) as server:
        batch = call(replace(settings, base_url=server.url), "create_batch", body)

    assert batch.total == 1
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"".join(body)] * 2
    assert patience.waits == [0.25]

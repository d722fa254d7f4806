"""A wait says each change once, trouble once until it is over, and how far it is now and then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamConnectError, SamNotFoundError
from airflow_provider_sam.api.models import MessageBatch
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.wait.pacing import REFUSAL_STANDS, VISIBILITY_TIMEOUT
from airflow_provider_sam.batches.wait.watch import HEARTBEAT, WaitState, in_words, look
from airflow_provider_sam.emulator import Fault, OnDemand, Status
from airflow_provider_sam.exceptions import SamWaitError

HIDDEN = SamNotFoundError("not here", status=404)
DOWN = SamConnectError("no connection")


class Log:
    """Keeps what is said, in one list."""

    def __init__(self):
        self.lines = []

    def info(self, text, *args):
        self.lines.append(text % args)

    warning = info


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def batch(name="msgbatch_1", status="in_progress", *, processing=12_000, expires=1_000_000.0):
    return MessageBatch(
        id=name,
        type="message_batch",
        processing_status=status,
        request_counts={"processing": processing, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def watch(log, clock):
    return WaitState(["msgbatch_1", "msgbatch_2"], log, clock=clock)


def test_each_status_is_said_once(watch, log):
    for status in ("in_progress", "in_progress", "canceling", "canceling"):
        watch.update(batch(status=status))
    assert log.lines == [
        "Batch msgbatch_1 in_progress, 12,000 requests processing",
        "Batch msgbatch_1 canceling, 12,000 requests processing",
    ]


def test_it_is_done_when_all_have_ended(watch):
    watch.update(batch(status="ended"))
    assert (watch.done, watch.open_ids) == (False, ["msgbatch_2"])
    watch.update(batch("msgbatch_2", status="ended"))
    assert (watch.done, watch.open_ids) == (True, [])
    assert watch.ended().outcome == "ended"


def test_an_end_is_never_claimed_early(watch):
    watch.update(batch(status="ended"))
    with pytest.raises(RuntimeError):
        watch.ended()


def test_trouble_is_said_once_until_it_is_over(watch, log):
    for error in (DOWN, DOWN, DOWN):
        watch.note_trouble(error)
    watch.note_trouble(HIDDEN, "msgbatch_1")
    watch.note_trouble(HIDDEN, "msgbatch_1")
    watch.update(batch())
    watch.note_trouble(HIDDEN, "msgbatch_1")
    hint = "(a batch can be invisible for a moment)"
    hidden = f"Could not poll batch msgbatch_1, will retry {hint}: answered 404: not here"
    assert log.lines == [
        "Could not poll the batches, will retry: no connection",
        hidden,
        "The API responds again",
        "Batch msgbatch_1 is visible again",
        "Batch msgbatch_1 in_progress, 12,000 requests processing",
        hidden,
    ]


def test_how_far_it_is_is_said_at_a_slow_pace(watch, log, clock):
    watch.update(batch(expires=clock.now + 22 * 3600))
    watch.update(batch("msgbatch_2", "ended", processing=0))
    del log.lines[:]
    for _ in range(30):
        clock.now += HEARTBEAT / 10
        watch.log_heartbeat()
    assert len(log.lines) == 3
    assert log.lines[0] == "1 of 2 batches ended, 12,000 requests processing, expires in 22 h"


def test_nothing_is_said_of_batches_that_were_never_seen(watch, log, clock):
    clock.now += 2 * HEARTBEAT
    watch.log_heartbeat()
    assert log.lines == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "any moment"), (20, "any moment"), (59, "in 1 min"), (3600, "in 60 min"), (75_600, "in 21 h")],
)
def test_a_time_is_told_as_a_person_would(seconds, words):
    assert in_words(seconds) == words


@pytest.fixture
def client(sam_emulator):
    settings = ClientSettings(base_url=sam_emulator.url, api_key=sam_emulator.api_key, max_retries=0)
    with SamClient(settings) as client:
        yield client


@pytest.fixture
def open_watch(sam_emulator, client, requests, log, clock):
    sam_emulator.progress = OnDemand()
    return WaitState([client.create_batch(requests).id for _ in range(3)], log, clock=clock)


def test_a_look_asks_for_what_has_not_ended(sam_emulator, client, open_watch):
    sam_emulator.end_batch(open_watch.open_ids[0])
    look(client, open_watch, retry_for=0)
    look(client, open_watch, retry_for=0)
    assert sam_emulator.count("messages_batches_retrieve") == 3 + 2


def test_a_hidden_batch_does_not_hide_the_others(sam_emulator, client, open_watch):
    sam_emulator.faults.add(Fault(Status(404), operation="messages_batches_retrieve"))
    look(client, open_watch, retry_for=0)
    assert len(open_watch.batches) == 2


def test_an_outage_ends_the_look_for_all(sam_emulator, client, open_watch):
    sam_emulator.faults.add(Fault(Status(529), operation="messages_batches_retrieve", times=None))
    look(client, open_watch, retry_for=0)
    assert sam_emulator.count("messages_batches_retrieve") == 1


def test_a_refusal_must_stand_before_it_ends_the_wait(sam_emulator, client, open_watch, clock):
    sam_emulator.faults.add(Fault(Status(401), operation="messages_batches_retrieve", times=2))
    look(client, open_watch, retry_for=0)
    clock.now += REFUSAL_STANDS
    with pytest.raises(SamWaitError, match="401"):
        look(client, open_watch, retry_for=0)
    look(client, open_watch, retry_for=0)
    assert len(open_watch.batches) == 3


def test_a_batch_that_was_never_there_ends_the_wait(client, log, clock):
    watch = WaitState(["msgbatch_elsewhere"], log, visibility_timeout=900, clock=clock)
    look(client, watch, retry_for=0)
    clock.now += 900
    with pytest.raises(SamWaitError, match=r"msgbatch_elsewhere.*Does the key belong to the workspace of this batch"):
        look(client, watch, retry_for=0)


def test_a_batch_that_was_seen_once_is_waited_for_though_it_is_hidden(sam_emulator, client, open_watch, clock):
    look(client, open_watch, retry_for=0)
    sam_emulator.faults.add(Fault(Status(404), operation="messages_batches_retrieve", times=None))
    for _ in range(3):
        look(client, open_watch, retry_for=0)
        clock.now += 10 * VISIBILITY_TIMEOUT
    assert not open_watch.failure
    assert not open_watch.done


def test_a_batch_that_another_process_has_seen_counts_as_seen(client, log, clock):
    watch = WaitState(["msgbatch_elsewhere"], log, known=["msgbatch_elsewhere"], clock=clock)
    for _ in range(2):
        look(client, watch, retry_for=0)
        clock.now += 10 * VISIBILITY_TIMEOUT
    assert not watch.failure
    assert not watch.done


def test_only_404s_and_nothing_else_tell_that_a_batch_was_never_there(watch, clock):
    for error, batch_id in [(HIDDEN, "msgbatch_1"), (DOWN, None), (HIDDEN, "msgbatch_1")]:
        clock.now += VISIBILITY_TIMEOUT
        watch.note_trouble(error, batch_id)
    assert watch.failure == ""
    clock.now += VISIBILITY_TIMEOUT
    watch.note_trouble(HIDDEN, "msgbatch_1")
    assert "msgbatch_1" in watch.failure


def test_a_batch_that_cannot_be_read_does_not_hide_the_others(sam_emulator, client, open_watch):
    sam_emulator.faults.add(Fault(Status(200, body="{}"), operation="messages_batches_retrieve"))
    look(client, open_watch, retry_for=0)
    assert len(open_watch.batches) == 2

"""A try that Airflow took for lost, and that is torn away or overtaken while it submits, costs no second batch."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.batches.store.store import NullStore
from airflow_provider_sam.batches.submit.upload import EVERY, Upload
from airflow_provider_sam.emulator import Drop
from airflow_provider_sam.exceptions import SamSubmissionOvertakenError, SamSubmissionStoppedError
from tests.batches.submission_lab import CREATE, MEMORIES, Killed, Log, break_create, requests

ASKED = requests(2)
LOOKS = {"before the intent": 2, "before the last byte": 3, "before the id is remembered": 4}
"""How often the memory is read until then."""


class Interrupted(NullStore):
    """A memory in which something happens just before it is read for the nth time."""

    def __init__(self, memory, nth, happens):
        self._memory, self._left, self._happens = memory, nth, happens
        self.save, self.claim, self.holder = memory.save, memory.claim, memory.holder

    def load(self):
        self._left -= 1
        if not self._left:
            self._happens()
        return self._memory.load()


@pytest.mark.parametrize("moment", LOOKS)
@pytest.mark.parametrize("kind", MEMORIES)
def test_a_try_that_is_overtaken_ends_and_there_is_one_batch(lab, kind, moment):
    later = []
    memory = Interrupted(
        lab.memory(kind), LOOKS[moment], lambda: later.extend(lab.submit(ASKED, lab.memory(kind), leaves=1))
    )
    with pytest.raises(SamSubmissionOvertakenError, match="another try of this task has begun"):
        lab.submit(ASKED, memory)
    assert later == lab.ids()
    assert len(later) == 1
    assert lab.submit(ASKED, lab.memory(kind)) == later


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_try_that_looks_for_its_batch_notices_that_it_is_overtaken(lab, kind):
    break_create(lab, Drop())
    later = []

    def overtake(_seconds):
        if not later:
            later.extend(lab.submit(ASKED, lab.memory(kind), leaves=1))

    with pytest.raises(SamSubmissionOvertakenError):
        lab.submit(ASKED, lab.memory(kind), sleep=overtake)
    assert later == lab.ids()


def test_a_submission_that_nothing_remembers_is_never_overtaken(lab):
    assert lab.submit(ASKED, NullStore()) == lab.ids()


class _Body:
    """The body of a batch, in four pieces."""

    content_length, requests = 4, 1

    def __iter__(self):
        return iter([b"1", b"2", b"3", b"4"])


def test_an_upload_looks_now_and_then_and_before_its_last_piece():
    seen, times = [], iter([0.0, 1.0, 1.0 + EVERY, 2.0 + EVERY, 3.0 + EVERY])
    upload = Upload(
        _Body(), log=Log(), check=lambda: None, confirm=lambda: seen.append("look"), clock=lambda: next(times)
    )
    seen.extend(upload)
    assert seen == [b"1", b"2", "look", b"3", "look", b"4"]


class TornAway(httpx.HTTPTransport):
    """Sends, and then the task is torn away, as by a time-out that is raised from a signal's handler."""

    def handle_request(self, request):
        response = super().handle_request(request)
        if request.method == "POST":
            response.close()
            raise Killed
        return response


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_task_that_is_torn_away_while_it_sends_says_what_may_exist_and_the_next_try_has_it(lab, kind):
    whole = lab.client
    lab.client = SamClient(whole.settings, transport=TornAway(verify=False), sleep=lab.clock.sleep)
    with pytest.raises(Killed):
        lab.submit(ASKED, lab.memory(kind))
    lab.client.close()
    lab.client = whole
    (batch_id,) = lab.ids()
    assert f"Interrupted while sending a batch of 2 requests. New batches of that size: {batch_id}." in lab.log[-1]
    assert lab.submit(ASKED, lab.memory(kind), leaves=1) == [batch_id] == lab.ids()


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_task_that_is_told_to_end_before_the_last_byte_leaves_no_batch_and_no_doubt(lab, kind):
    memory = lab.memory(kind)
    with pytest.raises(SamSubmissionStoppedError):
        lab.submit(ASKED, memory, stop_at="Sending a batch")
    assert lab.ids() == []
    assert lab.emulator.count(CREATE) == 0 or not memory.load().batches[0].intended
    assert lab.submit(ASKED, memory) == lab.ids()

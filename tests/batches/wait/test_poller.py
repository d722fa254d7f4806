"""Many waits are a few requests, every wait ends right, and nothing stays behind: over HTTP, against the emulator."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
import time
from types import SimpleNamespace

import pytest

from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.wait import poller as polling
from airflow_provider_sam.batches.wait.fetcher import ALL_UNREADABLE, LIST_TRIES
from airflow_provider_sam.batches.wait.pacing import REFUSAL_STANDS, VISIBILITY_TIMEOUT
from airflow_provider_sam.batches.wait.poller import Poller, shared_poller
from airflow_provider_sam.batches.wait.watch import WaitState, look
from airflow_provider_sam.emulator import AlteredBatch, Fault, Slow, Status
from tests.batches.connections import settings_of
from tests.waiting import reached

LOG = logging.getLogger(__name__)
SPEED = 100
"""How much faster the time of a long trial goes than the clock on the wall."""


def watch(*batch_ids, log=LOG, poller=None):
    """Watch batches, by the clock of `poller` if that is another than the one on the wall."""
    return WaitState(batch_ids, log, clock=poller._clock) if poller else WaitState(batch_ids, log)


def fast(connect):
    """Make a poll whose time goes faster; its deadlines count from 0."""
    began = time.monotonic()
    return Poller(
        connect,
        clock=lambda: (time.monotonic() - began) * SPEED,
        timeout=lambda seconds: asyncio.timeout(seconds / SPEED),
    )


def looks(emulator):
    return emulator.count("messages_batches_list") + emulator.count("messages_batches_retrieve")


async def test_hundreds_of_waits_are_one_request_a_look(sam_emulator, create, connections):
    ids = create(200)
    poller = Poller(connections)
    waits = [
        asyncio.create_task(poller.wait(watch(batch_id), interval=0.5, deadline=time.time() + 60)) for batch_id in ids
    ]
    await reached(lambda: sam_emulator.count("messages_batches_list") == 3)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    events = await asyncio.gather(*waits)
    assert {event.outcome for event in events} == {"ended"}
    assert [event.batches[0].id for event in events] == ids
    assert sam_emulator.count("messages_batches_retrieve") == 0
    assert sam_emulator.count("messages_batches_list") <= 3 + 2, "the last looks saw some of the ends"
    assert connections.made == 1


@pytest.mark.parametrize("number", [1, 200], ids=["a look at one", "a look at a page"])
async def test_a_look_blocks_nobody_while_its_answer_is_awaited(connections, number):
    """The loop goes round and round while the first look is on its way, since its answer never comes."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        connections.settings = ClientSettings(base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", api_key="k")
        poller = Poller(connections)
        waits = [
            asyncio.create_task(poller.wait(watch(f"msgbatch_{each}"), interval=0.1, deadline=time.time() + 3600))
            for each in range(number)
        ]
        async with asyncio.timeout(60):
            asking, _ = await loop.sock_accept(silent)
            request = await loop.sock_recv(asking, 1000)
        for _ in range(100):
            await asyncio.sleep(0)
        assert request.startswith(b"GET /v1/messages/batches")
        assert [each for each in waits if each.done()] == []
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        asking.close()


async def test_a_wait_that_looks_more_often_wakes_the_poll_of_one_that_does_not(sam_emulator, create, connections):
    seldom, often = create(2)
    poller = Poller(connections)
    patient = asyncio.create_task(poller.wait(watch(seldom), interval=3000, deadline=time.time() + 3600))
    await reached(lambda: poller._wakes_at > time.time() + 60)
    sam_emulator.end_batch(often)
    async with asyncio.timeout(60):
        event = await poller.wait(watch(often), interval=0.1, deadline=time.time() + 3600)
    assert event.outcome == "ended"
    assert not patient.done()
    patient.cancel()
    await asyncio.gather(patient, return_exceptions=True)


async def test_an_id_that_is_never_sent_ends_its_own_wait_alone(sam_emulator, create, connections):
    (batch_id,) = create()
    poller = Poller(connections)
    going_on = asyncio.create_task(poller.wait(watch(batch_id), interval=0.1, deadline=time.time() + 60))
    event = await poller.wait(watch("no/id"), interval=0.1, deadline=time.time() + 60)
    assert event.outcome == "error"
    assert "no/id" in event.message
    sam_emulator.end_batch(batch_id)
    assert (await going_on).outcome == "ended"


async def test_a_poll_that_breaks_tells_every_wait_why(create, connections, monkeypatch):
    ids = create(2)
    poller = Poller(connections)

    async def broken(*_, **__):
        raise ArithmeticError("a mistake of ours")

    monkeypatch.setattr(poller._fetcher, "fetch", broken)
    waits = [poller.wait(watch(each), interval=0.1, deadline=time.time() + 60) for each in ids]
    for event in await asyncio.gather(*waits):
        assert (event.outcome, event.message) == ("error", "The poll failed: ArithmeticError: a mistake of ours")
    assert poller.closing
    assert connections.open == 0


def test_a_blocking_look_at_an_id_that_is_never_sent_ends_the_wait(sam_emulator):
    with SamClient(settings_of(sam_emulator)) as client, pytest.raises(SamRequestError, match="no/id"):
        look(client, watch("no/id"), retry_for=0)


async def test_one_wait_asks_for_its_batch_alone(sam_emulator, create, connections):
    create(5)
    (batch_id,) = create()
    wait = asyncio.create_task(Poller(connections).wait(watch(batch_id), interval=0.1, deadline=time.time() + 60))
    await reached(lambda: sam_emulator.count("messages_batches_retrieve") == 2)
    sam_emulator.end_batch(batch_id)
    assert (await wait).outcome == "ended"
    assert sam_emulator.count("messages_batches_list") == 0


async def test_a_batch_that_is_not_worth_its_pages_is_asked_for_alone(sam_emulator, create, connections, monkeypatch):
    monkeypatch.setattr("airflow_provider_sam.batches.wait.fetcher.PAGE", 10)
    monkeypatch.setattr("airflow_provider_sam.batches.wait.pacing.PAGE", 10)
    ids = [*create(1), *(create(60), create(8))[1]]  # the oldest, and the newest eight
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.2, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: looks(sam_emulator) >= 8)
    first, later = sam_emulator.requests[69:72], sam_emulator.requests[72:]
    assert [record.operation for record in first] == [
        "messages_batches_list",
        "messages_batches_list",  # the batch might have been on the next page
        "messages_batches_retrieve",
    ]
    assert {record.query.get("after_id") for record in later} == {None}
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}


async def test_a_list_that_nobody_offers_is_done_without(sam_emulator, create, connections):
    sam_emulator.faults.add(Fault(Status(404), operation="messages_batches_list", times=None))
    ids = create(3)
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.1, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: sam_emulator.count("messages_batches_retrieve") >= 6)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}
    assert sam_emulator.count("messages_batches_list") == LIST_TRIES


async def test_each_wait_keeps_its_own_deadline(sam_emulator, create, connections):
    short, long = create(2)
    poller = fast(connections)
    waiting = asyncio.create_task(poller.wait(watch(long), interval=10, deadline=3600))
    event = await poller.wait(watch(short), interval=10, deadline=300)
    assert (event.outcome, [batch.id for batch in event.batches]) == ("timeout", [short])
    assert not waiting.done()
    sam_emulator.end_batch(long)
    assert (await waiting).outcome == "ended"


async def test_a_wait_whose_deadline_passed_elsewhere_looks_once_more(sam_emulator, create, connections):
    (batch_id,) = create()
    sam_emulator.end_batch(batch_id)
    event = await Poller(connections).wait(watch(batch_id), interval=60, deadline=time.time() - 100)
    assert event.outcome == "ended"


async def test_an_answer_that_never_comes_does_not_hold_up_a_deadline(connections):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        connections.settings = ClientSettings(base_url=url, api_key="k")
        event = await fast(connections).wait(watch("msgbatch_1"), interval=10, deadline=20)
    assert event.outcome == "timeout"


async def test_ten_minutes_without_the_api_end_no_wait(sam_emulator, create, connections, caplog):
    ids = create(20)
    poller = fast(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=10, deadline=3600)) for each in ids]
    caplog.set_level(logging.INFO, __name__)
    await reached(lambda: looks(sam_emulator) >= 1)
    sam_emulator.stop()
    await asyncio.sleep(600 / SPEED)
    sam_emulator.start()
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    events = await asyncio.gather(*waits)
    assert {event.outcome for event in events} == {"ended"}
    said = [record.getMessage() for record in caplog.records if record.name == __name__]
    assert sum("Could not poll" in line for line in said) == len(ids), "trouble is said once a wait"
    assert sum("responds again" in line for line in said) == len(ids)


async def test_nobody_asks_before_the_server_s_retry_after(sam_emulator, create, connections):
    ids = create(5)
    refusal = Fault(Status(429, retry_after=120), operation="messages_batches_list")
    sam_emulator.faults.add(refusal)
    poller = fast(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=10, deadline=3600)) for each in ids]
    await reached(lambda: sam_emulator.count("messages_batches_list") >= 2)
    refused, next_one = [record for record in sam_emulator.requests if record.operation == "messages_batches_list"][:2]
    assert (next_one.when - refused.when) * SPEED >= 119  # the server's clock starts a moment later than ours
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}


@pytest.mark.parametrize("effect", [Status(429, retry_after=10_000), Status(503)])
async def test_a_pause_never_swallows_the_last_look(sam_emulator, create, connections, effect):
    (batch_id,) = create()
    sam_emulator.faults.add(Fault(effect, operation="messages_batches_retrieve"))
    poller = fast(connections)
    waiting = asyncio.create_task(poller.wait(watch(batch_id), interval=200, deadline=300))
    await reached(lambda: looks(sam_emulator) == 1)
    sam_emulator.end_batch(batch_id)
    assert (await waiting).outcome == "ended"
    assert looks(sam_emulator) == 2


async def test_a_last_look_that_fails_within_a_pause_makes_no_longer_pause(sam_emulator, create, connections):
    (short, long) = create(2)
    sam_emulator.faults.add(Fault(Status(503), operation="messages_batches_list"))
    sam_emulator.faults.add(Fault(Status(503), operation="messages_batches_retrieve"))
    poller = fast(connections)
    waits = [
        asyncio.create_task(poller.wait(watch(each), interval=200, deadline=end))
        for each, end in [(short, 300), (long, 900)]
    ]
    assert (await waits[0]).outcome == "timeout"
    sam_emulator.end_batch(long)
    assert (await waits[1]).outcome == "ended"
    assert poller._failures == 0


async def test_flapping_404s_are_waited_out(sam_emulator, create, connections):
    ids = create(2)
    for nth in (1, 3):
        sam_emulator.faults.add(Fault(Status(404), operation="messages_batches_list", nth=nth))
    sam_emulator.faults.add(Fault(Status(404), operation="messages_batches_retrieve", nth=2, times=3))
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.1, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: sam_emulator.count("messages_batches_list", status=404) == 2)
    sam_emulator.end_batch(ids[0])
    assert (await waits[0]).outcome == "ended"
    await reached(lambda: sam_emulator.count("messages_batches_retrieve", status=404) == 3)
    sam_emulator.end_batch(ids[1])
    assert (await waits[1]).outcome == "ended"


async def test_a_batch_that_stays_hidden_times_out_beside_one_that_shows(create, connections):
    (batch_id,) = create()
    poller = fast(connections)
    hidden = asyncio.create_task(poller.wait(watch("msgbatch_elsewhere"), interval=10, deadline=300))
    seen = asyncio.create_task(poller.wait(watch(batch_id), interval=10, deadline=300))
    assert [(await wait).outcome for wait in (hidden, seen)] == ["timeout", "timeout"]
    assert hidden.result().batches == ()


@pytest.mark.parametrize("status", [401, 402, 403, 302])
async def test_a_refusal_that_stands_ends_every_wait_and_says_so_once(
    sam_emulator, create, connections, status, caplog
):
    ids = create(3)
    sam_emulator.faults.add(Fault(Status(status, message="no such key"), times=None))
    poller = fast(connections)
    caplog.set_level(logging.INFO, __name__)
    waits = (poller.wait(watch(each, poller=poller), interval=10, deadline=3600) for each in ids)
    events = await asyncio.gather(*waits)
    assert {event.outcome for event in events} == {"error"}
    assert all(sam_emulator.api_key not in event.message for event in events)
    assert all("refused for" in event.message for event in events)
    assert caplog.text.count("Could not poll the batches") == len(ids)
    assert poller._clock() >= REFUSAL_STANDS
    assert connections.made == 1 + looks(sam_emulator), "the connection is read anew each time"
    assert connections.open == 0


@pytest.mark.parametrize("status", [401, 402, 403, 302, 400, 425])
@pytest.mark.parametrize("number", [1, 3])
async def test_a_refusal_that_passes_ends_no_wait(sam_emulator, create, connections, status, number):
    ids = create(number)
    sam_emulator.faults.add(Fault(Status(status), operation="messages_batches_list", times=2))
    sam_emulator.faults.add(Fault(Status(status), operation="messages_batches_retrieve", times=2))
    poller = fast(connections)
    waits = [asyncio.create_task(poller.wait(watch(each, poller=poller), interval=10, deadline=3600)) for each in ids]
    await reached(lambda: looks(sam_emulator) >= 3)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}


async def test_a_rotated_key_is_read_anew_in_the_middle_of_a_wait(sam_emulator, create, connections):
    ids = create(3)
    good, connections.settings = connections.settings, settings_of(sam_emulator, api_key="an-old-key")
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.2, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: connections.made == 1)
    connections.settings = good
    await reached(lambda: sam_emulator.count("messages_batches_list", status=200) >= 1)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}
    assert (connections.made, connections.open) == (2, 0)
    assert sam_emulator.count("messages_batches_list", status=401) == 1


async def test_an_id_that_is_none_ends_its_own_wait_only(sam_emulator, create, connections):
    (batch_id,) = create()
    sam_emulator.faults.add(Fault(Status(400), path_contains="msgbatch_wrong", times=None))
    poller = fast(connections)
    right = asyncio.create_task(poller.wait(watch(batch_id), interval=10, deadline=3600))
    wrong = await poller.wait(watch("msgbatch_wrong", poller=poller), interval=10, deadline=3600)
    assert wrong.outcome == "error"
    assert "msgbatch_wrong" in wrong.message
    assert not right.done()
    sam_emulator.end_batch(batch_id)
    assert (await right).outcome == "ended"


async def test_a_batch_that_was_never_there_ends_its_own_wait_only(sam_emulator, create, connections):
    (batch_id,) = create()
    poller = fast(connections)
    right = asyncio.create_task(poller.wait(watch(batch_id, poller=poller), interval=10, deadline=3600))
    wrong = await poller.wait(watch("msgbatch_elsewhere", poller=poller), interval=10, deadline=3600)
    assert wrong.outcome == "error"
    assert "Does the key belong to the workspace" in wrong.message
    assert poller._clock() >= VISIBILITY_TIMEOUT
    assert not right.done()
    sam_emulator.end_batch(batch_id)
    assert (await right).outcome == "ended"


async def test_a_connection_that_cannot_be_read_for_a_while_is_waited_for(sam_emulator, create, connections, caplog):
    ids, tries = create(3), []

    async def connect():
        tries.append(poller._clock())
        if tries[-1] < REFUSAL_STANDS + 100:
            raise LookupError("no connection by this name")
        return await connections()

    caplog.set_level(logging.INFO, __name__)
    poller = fast(connect)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    waits = (poller.wait(watch(each, poller=poller), interval=10, deadline=3600) for each in ids)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}
    assert caplog.text.count("Could not poll the batches") == len(ids), "it is said once a wait"
    assert len(tries) < 12, "pauses double"


async def test_a_connection_that_is_never_read_ends_each_wait_at_its_deadline():
    async def connect():
        raise LookupError("no connection by this name")

    event = await fast(connect).wait(watch("msgbatch_1"), interval=10, deadline=100)
    assert event.outcome == "timeout"


MALFORMED = {"expires_at": None}


async def test_a_malformed_batch_of_somebody_else_blinds_nobody(sam_emulator, create, connections):
    *ids, stranger = create(4)
    sam_emulator.faults.add(Fault(AlteredBatch(MALFORMED, batch_id=stranger), times=None))
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.1, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: sam_emulator.count("messages_batches_list") >= 2)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}
    assert sam_emulator.count("messages_batches_retrieve") == 0, "the others on the page are read all the same"


async def test_a_malformed_batch_holds_up_its_own_wait_only(sam_emulator, create, connections):
    *ids, malformed = create(3)
    sam_emulator.faults.add(Fault(AlteredBatch(MALFORMED, batch_id=malformed), times=None))
    poller = fast(connections)
    held_up = asyncio.create_task(poller.wait(watch(malformed), interval=10, deadline=600))
    waits = [asyncio.create_task(poller.wait(watch(each), interval=10, deadline=600)) for each in ids]
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}
    assert (await held_up).outcome == "timeout"


async def test_a_page_that_cannot_be_read_falls_back_to_single_looks(sam_emulator, create, connections):
    sam_emulator.faults.add(Fault(Status(200, body='{"data": 1}'), operation="messages_batches_list", times=None))
    ids = create(3)
    poller = Poller(connections)
    waits = [asyncio.create_task(poller.wait(watch(each), interval=0.1, deadline=time.time() + 60)) for each in ids]
    await reached(lambda: sam_emulator.count("messages_batches_retrieve") >= 3)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"ended"}


async def test_where_nothing_can_be_read_the_poll_pauses(sam_emulator, create, connections):
    ids = create(2 * ALL_UNREADABLE)
    sam_emulator.faults.add(Fault(Status(200, body="<html>"), times=None))
    poller = fast(connections)
    waits = (poller.wait(watch(each), interval=10, deadline=100) for each in ids)
    assert {event.outcome for event in await asyncio.gather(*waits)} == {"timeout"}
    assert poller._failures >= 1


async def test_a_dripping_answer_ends_after_its_share_of_the_interval(sam_emulator, create, connections):
    (batch_id,) = create()
    sam_emulator.end_batch(batch_id)
    sam_emulator.faults.add(Fault(Slow(chunk_bytes=1, pause=0.2), operation="messages_batches_retrieve"))
    began = time.monotonic()
    event = await fast(connections).wait(watch(batch_id), interval=100, deadline=3600)
    assert event.outcome == "ended"
    assert (time.monotonic() - began) * SPEED < 3000, "the answer drips for longer than the wait may last"


async def test_what_a_wait_is_told_is_logged_in_its_own_context(sam_emulator, create, connections):
    whose = contextvars.ContextVar("whose", default="nobody")
    heard = []
    log = SimpleNamespace(info=lambda text, *args: heard.append((whose.get(), text % args)), warning=lambda *_: None)
    ids = create(3)
    poller = Poller(connections)

    async def wait(batch_id):
        whose.set(batch_id)
        return await poller.wait(watch(batch_id, log=log), interval=0.1, deadline=time.time() + 60)

    waits = [asyncio.create_task(wait(each)) for each in ids]
    await reached(lambda: len(heard) == 3)
    for batch_id in ids:
        sam_emulator.end_batch(batch_id)
    await asyncio.gather(*waits)
    assert len(heard) == 6
    assert all(who in text for who, text in heard)


async def test_waits_share_a_poll_by_connection_and_the_last_one_closes_it(create, connections):
    ids = create(3)
    polls = [shared_poller("a", connections), shared_poller("a", connections), shared_poller("b", connections)]
    assert polls[0] is polls[1] is not polls[2]
    before = asyncio.all_tasks()
    waits = [
        asyncio.create_task(poll.wait(watch(each), interval=0.1, deadline=time.time() + 60))
        for poll, each in zip(polls, ids, strict=True)
    ]
    await reached(lambda: connections.open == 2)
    waits[0].cancel()
    await asyncio.wait(waits[:1])
    assert connections.open == 2
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)
    assert connections.open == 0
    assert asyncio.all_tasks() == before
    assert shared_poller("a", connections) is not polls[0]


def test_a_loop_that_ends_in_the_middle_of_waits_leaves_nothing_behind(sam_emulator, create, connections):
    ids = create(5)

    async def wait_and_stop():
        poller = shared_poller("a", connections)
        waits.extend(
            asyncio.create_task(poller.wait(watch(each), interval=0.1, deadline=time.time() + 60)) for each in ids
        )
        before = looks(sam_emulator)
        await reached(lambda: looks(sam_emulator) > before)

    for _ in range(3):
        waits = []
        asyncio.run(wait_and_stop())
        assert all(wait.cancelled() for wait in waits)
    assert connections.open == 0
    assert connections.made == 3
    assert len(polling._pollers) <= 1

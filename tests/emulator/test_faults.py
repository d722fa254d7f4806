"""Faults meet the calls they name, and each effect does on the wire what it says."""

from __future__ import annotations

import json
import time

import httpx
import msgspec
import pytest

from airflow_provider_sam.emulator import (
    AlteredBatch,
    ChosenId,
    Cut,
    Delay,
    Drop,
    Fault,
    LateVisibility,
    Lines,
    ListedTwice,
    RepeatedCreate,
    Slow,
    SseError,
    Stall,
    Status,
)
from airflow_provider_sam.emulator.faults import Faults

BATCHES = "/v1/messages/batches"
CREATE, RESULTS = "messages_batches_create", "messages_batches_results"


@pytest.fixture
def ended(client, batch):
    """The path of the results of an ended batch of six."""
    assert client.get(f"{BATCHES}/{batch['id']}").json()["processing_status"] == "ended"
    return f"{BATCHES}/{batch['id']}/results"


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        (Fault(Delay(0)), "x----"),
        (Fault(Delay(0), nth=3), "--x--"),
        (Fault(Delay(0), nth=2, times=2), "-xx--"),
        (Fault(Delay(0), times=None), "xxxxx"),
        (Fault(Delay(0), nth=4, times=None), "---xx"),
        (Fault(Delay(0), operation="other"), "-----"),
        (Fault(Delay(0), path_contains="/b"), "-----"),
        (Fault(Delay(0), path_contains="/a"), "x----"),
        (Fault(Delay(0), nth=2, seconds=2), "-xx--"),
    ],
)
def test_a_fault_meets_the_calls_it_names(fault, met):
    ticks = iter(range(100))
    now = [0]
    faults = Faults(monotonic=lambda: now[0])
    faults.add(fault)
    seen = ""
    for _ in range(5):
        now[0] = next(ticks)
        seen += "x" if faults.meet("models_list", "/a") else "-"
    assert seen == met


def test_faults_are_pending_until_they_are_over(sam_emulator, client):
    fault = Fault(Status(500), times=2)
    sam_emulator.faults.add(fault)
    client.get("/v1/models")
    assert sam_emulator.faults.pending == (fault,)
    client.get("/v1/models")
    assert sam_emulator.faults.pending == ()


def test_several_faults_meet_one_call(sam_emulator, client):
    sam_emulator.faults.add(Fault(Delay(0.05)), Fault(Status(503)))
    started = time.monotonic()
    assert client.get("/v1/models").status_code == 503
    assert time.monotonic() - started >= 0.05
    assert sam_emulator.requests[-1].faults == ("delay", "status")


@pytest.mark.parametrize(
    ("effect", "headers", "error"),
    [
        (Status(429, retry_after=2.5), {"retry-after": "2.5"}, {"type": "rate_limit_error"}),
        (Status(429), {"retry-after": None}, {"type": "rate_limit_error"}),
        (
            Status(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
            {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
            {},
        ),
        (Status(529), {}, {"type": "overloaded_error", "message": "A fault was injected."}),
        (
            Status(400, message="spent", details={"error_code": "x"}),
            {},
            {"message": "spent", "details": {"error_code": "x"}},
        ),
        (Status(418, error_type="teapot_error"), {}, {"type": "teapot_error"}),
    ],
)
def test_a_status_is_answered_with_the_error_body_of_the_contract(sam_emulator, client, effect, headers, error):
    sam_emulator.faults.add(Fault(effect, operation="models_list"))
    answer = client.get("/v1/models")
    assert answer.status_code == effect.status
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert answer.json()["error"].items() >= error.items()
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize("body", ["<html>502 Bad Gateway</html>", ""])
def test_a_status_may_have_a_proxy_s_body(sam_emulator, client, body):
    sam_emulator.faults.add(Fault(Status(502, body=body)))
    answer = client.get("/v1/models")
    assert (answer.text, answer.headers["content-type"]) == (body, "text/html; charset=utf-8")


def test_a_status_may_be_a_redirect(sam_emulator, client):
    sam_emulator.faults.add(Fault(Status(307, headers={"location": "http://elsewhere.example/"})))
    assert client.get("/v1/models").next_request.url.host == "elsewhere.example"


@pytest.mark.parametrize(("accepted", "batches"), [(False, 0), (True, 1)])
def test_a_status_comes_with_or_without_the_thing_done(sam_emulator, client, batch_body, accepted, batches):
    sam_emulator.faults.add(Fault(Status(504, accepted=accepted), operation=CREATE))
    assert client.post(BATCHES, json=batch_body).status_code == 504
    assert len(sam_emulator.batches) == batches


@pytest.mark.parametrize("status", [302, 400, 404, 408, 413, 425, 429, 499, 529])
def test_a_gateway_answers_an_accepted_create_with_whatever_it_likes(sam_emulator, client, batch_body, status):
    fault = Status(status, body="<html>", headers={"location": "/login", "retry-after": "1"}, accepted=True)
    sam_emulator.faults.add(Fault(fault, operation=CREATE))
    answer = client.post(BATCHES, json=batch_body)
    assert (answer.status_code, answer.text) == (status, "<html>")
    assert (answer.headers["location"], answer.headers["retry-after"]) == ("/login", "1")
    assert len(sam_emulator.batches) == 1


@pytest.mark.parametrize(("which", "position"), [("first", 0), ("last", 2)])
def test_a_create_that_a_gateway_repeats_makes_equal_batches_and_one_answer(
    sam_emulator, client, batch_body, which, position
):
    sam_emulator.faults.add(Fault(RepeatedCreate(times=3, answer=which), operation=CREATE))
    batch_id = client.post(BATCHES, json=batch_body).json()["id"]
    ids = [batch.id for batch in sam_emulator.batches]
    assert len(set(ids)) == 3
    assert ids.index(batch_id) == position
    asked = [list(sam_emulator.batch_requests(each)) for each in ids]
    assert asked[0] == asked[1] == asked[2]
    assert sam_emulator.count(CREATE) == 1


def test_a_repeated_create_may_be_lost_as_well(sam_emulator, client, batch_body):
    sam_emulator.faults.add(Fault(RepeatedCreate()), Fault(Drop(accepted=True)), Fault(LateVisibility(looks=1)))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(BATCHES, json=batch_body)
    assert len(sam_emulator.batches) == 2
    assert [len(client.get(BATCHES).json()["data"]) for _ in range(2)] == [0, 2]


@pytest.mark.parametrize("batch_id", ["msgbatch_of_the_test", "../../evil", "/etc/x", "", "a b\x00\n", "x" * 5000])
def test_a_batch_has_the_id_that_a_test_chooses(sam_emulator, client, batch_body, batch_id):
    sam_emulator.faults.add(Fault(ChosenId(batch_id), operation=CREATE))
    assert client.post(BATCHES, json=batch_body).json()["id"] == batch_id
    assert [batch["id"] for batch in client.get(BATCHES).json()["data"]] == [batch_id]
    assert len(list(sam_emulator.batch_requests(batch_id))) == 6
    sam_emulator.faults.add(Fault(ChosenId(batch_id), operation=CREATE))
    assert client.post(BATCHES, json=batch_body).status_code == 409


@pytest.mark.parametrize("path", ["", "/{id}"])
def test_a_batch_reads_differently_alone_and_in_a_list(sam_emulator, client, batch, batch_body, path):
    client.post(BATCHES, json=batch_body)
    effect = AlteredBatch({"expires_at": None, "x": 1}, without=("type",), batch_id=batch["id"])
    sam_emulator.faults.add(Fault(effect))
    path = BATCHES + path.format(id=batch["id"])
    changed, whole = (client.get(path).json() for _ in range(2))
    changed, whole = (answer["data"][1] if "data" in answer else answer for answer in (changed, whole))
    assert changed.pop("expires_at") is None
    assert changed.pop("x") == 1
    assert changed == {name: value for name, value in whole.items() if name not in {"expires_at", "type"}}


def test_an_answer_is_about_another_batch_than_was_asked_for(sam_emulator, client, batch):
    sam_emulator.faults.add(Fault(AlteredBatch({"id": "msgbatch_other"}), operation="messages_batches_retrieve"))
    assert client.get(f"{BATCHES}/{batch['id']}").json()["id"] == "msgbatch_other"


@pytest.mark.parametrize("effect", [ListedTwice("unknown"), AlteredBatch({"x": 1}, batch_id="unknown"), ListedTwice()])
def test_an_answer_without_the_batch_of_a_fault_is_left_alone(sam_emulator, client, batch, effect):
    sam_emulator.faults.add(Fault(effect))
    path = f"{BATCHES}/{batch['id']}"
    assert client.get(path).json() == client.get(path).json()


def test_a_fault_of_a_batch_leaves_what_is_no_json_alone(sam_emulator, client, ended):
    whole = client.get(ended).content
    sam_emulator.faults.add(Fault(AlteredBatch({"x": 1}), operation=RESULTS))
    assert client.get(ended).content == whole


def test_a_list_shows_one_batch_twice(sam_emulator, client, batch_body):
    made = [client.post(BATCHES, json=batch_body).json()["id"] for _ in range(3)]
    sam_emulator.faults.add(Fault(ListedTwice(made[1])))
    assert [each["id"] for each in client.get(BATCHES).json()["data"]] == [made[2], made[1], made[1], made[0]]


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (Drop(), httpx.RemoteProtocolError),
        (Drop(read_body=False), httpx.TransportError),
        (Drop(accepted=True), httpx.RemoteProtocolError),
        (Drop(reset=True), httpx.ReadError),
        (Drop(accepted=True, reset=True), httpx.ReadError),
    ],
)
def test_a_connection_is_dropped_with_or_without_the_thing_done(sam_emulator, client, batch_body, effect, error):
    sam_emulator.faults.add(Fault(effect, operation=CREATE))
    with pytest.raises(error):
        client.post(BATCHES, json=batch_body)
    assert len(sam_emulator.batches) == int(effect.accepted)
    assert sam_emulator.count(CREATE) == 1
    assert sam_emulator.requests[0].status is None


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after_bytes", [0, 100, 700])
def test_an_answer_is_cut_after_exactly_so_many_bytes(sam_emulator, client, ended, after_bytes, reset):
    whole = client.get(ended).content
    sam_emulator.faults.add(Fault(Cut(after_bytes, reset=reset), operation=RESULTS))
    got = bytearray()

    def read():
        with client.stream("GET", ended) as answer:
            for piece in answer.iter_raw():
                got.extend(piece)

    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        read()
    # A reset may overtake what the client has not read yet.
    assert bytes(got) == whole[: len(got) if reset else after_bytes]
    assert sam_emulator.requests[-1].answer_bytes == after_bytes


def test_an_answer_cut_behind_its_last_byte_is_unfinished_all_the_same(sam_emulator, client, ended):
    size = len(client.get(ended).content)
    sam_emulator.faults.add(Fault(Cut(size), operation=RESULTS))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(ended)


def test_an_answer_with_a_length_is_cut_short_of_it(sam_emulator, client):
    sam_emulator.faults.add(Fault(Cut(10)))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/models")


def test_a_slow_answer_is_whole(sam_emulator, client, ended):
    whole = client.get(ended).content
    sam_emulator.faults.add(Fault(Slow(chunk_bytes=100, pause=0.001), operation=RESULTS))
    with client.stream("GET", ended) as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == whole
    assert len(pieces) > 5


def test_a_stalled_answer_pauses_and_is_whole(sam_emulator, client, ended):
    whole = client.get(ended).content
    sam_emulator.faults.add(Fault(Stall(100, seconds=0.1), operation=RESULTS))
    started = time.monotonic()
    assert client.get(ended).content == whole
    assert time.monotonic() - started >= 0.1


def test_a_stall_longer_than_a_client_waits_times_it_out(sam_emulator, client, ended):
    sam_emulator.faults.add(Fault(Stall(100, seconds=30), operation=RESULTS))
    with pytest.raises(httpx.ReadTimeout):
        client.get(ended, timeout=0.2)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Lines("torn", 2), lambda lines: [*lines[:2], lines[2][: (len(lines[2]) + 1) // 2], *lines[3:]]),
        (Lines("duplicate", 0), lambda lines: [lines[0], *lines]),
        (Lines("missing", 5), lambda lines: lines[:5]),
        (Lines("replaced", 1, text="{}"), lambda lines: [lines[0], b"{}", *lines[2:]]),
        (Lines("missing", 6), lambda lines: lines),
    ],
)
def test_one_line_is_wrong_and_the_answer_looks_complete(sam_emulator, client, ended, effect, expected):
    lines = client.get(ended).content.split(b"\n")
    sam_emulator.faults.add(Fault(effect, operation=RESULTS))
    assert client.get(ended).content.split(b"\n") == [*expected(lines[:-1]), b""]


def test_a_foreign_line_names_no_request_of_the_batch(sam_emulator, client, ended):
    sam_emulator.faults.add(Fault(Lines("foreign", 3), operation=RESULTS))
    names = [json.loads(line)["custom_id"] for line in client.get(ended).content.splitlines()]
    assert len(names) == 7
    assert set(names) - {f"row-{number}" for number in range(6)} == {names[4]}


@pytest.mark.parametrize("after_events", [0, 1, 4, 1000])
def test_a_stream_of_events_goes_wrong_after_a_200(sam_emulator, client, params, after_events):
    body = {**params, "stream": True}
    whole = client.post("/v1/messages", json=body).text.split("\n\n")[:-1]
    sam_emulator.faults.add(Fault(SseError(after_events=after_events)))
    answer = client.post("/v1/messages", json=body)
    events = answer.text.split("\n\n")[:-1]
    assert answer.status_code == 200
    assert [event.split("\n")[0] for event in events[:-1]] == [event.split("\n")[0] for event in whole[:after_events]]
    error = json.loads(events[-1].partition("data: ")[2])
    assert error["error"]["type"] == "overloaded_error"
    assert error["request_id"] == answer.headers["request-id"]


def test_a_batch_shows_late_by_looks(sam_emulator, client, batch_body):
    sam_emulator.faults.add(Fault(LateVisibility(looks=2), operation=CREATE))
    batch_id = client.post(BATCHES, json=batch_body).json()["id"]
    assert client.get(BATCHES).json()["data"] == []
    assert client.get(f"{BATCHES}/{batch_id}").status_code == 404
    assert client.get(f"{BATCHES}/{batch_id}").status_code == 200
    assert len(sam_emulator.batches) == 1


def test_a_batch_shows_late_by_time(sam_emulator, client, batch_body):
    sam_emulator.faults.add(Fault(LateVisibility(seconds=3600), operation=CREATE))
    batch_id = client.post(BATCHES, json=batch_body).json()["id"]
    sam_emulator.end_batch(batch_id)
    assert client.get(f"{BATCHES}/{batch_id}").status_code == 404
    assert client.get(f"{BATCHES}/{batch_id}/results").status_code == 404


def test_a_known_batch_is_404_for_a_while(sam_emulator, client, batch):
    sam_emulator.faults.add(Fault(Status(404), path_contains=batch["id"], times=2))
    path = f"{BATCHES}/{batch['id']}"
    assert [client.get(path).status_code for _ in range(3)] == [404, 404, 200]


def test_a_fault_is_the_same_written_as_json():
    fault = Fault(Lines("replaced", 3, text="x"), operation=RESULTS, nth=2, times=None)
    assert msgspec.json.decode(msgspec.json.encode(fault), type=Fault) == fault

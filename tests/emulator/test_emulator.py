"""An emulator starts and stops at once, leaves nothing behind, and keeps what it should."""

from __future__ import annotations

import gc
import json
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from airflow_provider_sam.emulator import Fault, SamEmulator, Slow, Stall
from tests.emulator.conftest import client_of
from tests.emulator.test_batches import BATCHES, create


def test_another_one_starts_with_what_the_first_has_loaded(sam_emulator, monkeypatch):
    loaded = set(sys.modules)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read again"))
    with SamEmulator() as emulator:
        assert emulator.url != sam_emulator.url
    assert set(sys.modules) == loaded


def test_it_leaves_no_thread_socket_or_file(batch_body):
    with SamEmulator() as emulator, client_of(emulator) as client:
        create(client, batch_body)
        root, port = emulator._store.root, emulator._server.port
        assert root.is_dir()
    assert not root.exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "sam-emulator"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_one_that_was_never_closed_leaves_no_file():
    emulator = SamEmulator()
    root = emulator._store.root
    del emulator
    gc.collect()
    assert not root.exists()


@pytest.mark.parametrize("effect", [Slow(chunk_bytes=1, pause=1), Stall(10, seconds=60)])
def test_it_stops_at_once_in_the_middle_of_a_download(batch_body, effect):
    emulator = SamEmulator().start()
    emulator.faults.add(Fault(effect, operation="messages_batches_results"))
    with client_of(emulator) as client:
        batch_id = create(client, batch_body)
        client.get(BATCHES)
        with client.stream("GET", f"{BATCHES}/{batch_id}/results") as answer:
            pieces = answer.iter_raw()
            next(pieces)
            started = time.monotonic()
            emulator.stop()
            assert time.monotonic() - started < 30, "the rest takes longer than that"
            with pytest.raises(httpx.TransportError):
                list(pieces)
    emulator.close()


def test_it_starts_again_on_the_same_port_with_the_same_batches(batch_body):
    emulator = SamEmulator()
    with client_of(emulator.start()) as client:
        batch_id, url = create(client, batch_body), emulator.url
        emulator.stop()
        with pytest.raises(httpx.ConnectError):
            client.get("/v1/models")
        emulator.start()
        assert emulator.url == url
        assert client.get(f"{BATCHES}/{batch_id}").status_code == 200
    emulator.close()


def test_starting_twice_is_an_error_and_stopping_twice_is_not():
    with SamEmulator() as emulator:
        with pytest.raises(RuntimeError, match="already running"):
            emulator.start()
        emulator.stop()
        emulator.stop()


def test_an_address_in_use_is_an_error(sam_emulator):
    taken = SamEmulator(port=int(sam_emulator.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="in use"):
        taken.start()
    taken.close()


def test_the_url_is_not_known_before_the_start():
    emulator = SamEmulator()
    with pytest.raises(RuntimeError, match="no port before it is started"):
        _ = emulator.url
    emulator.close()


def test_the_connection_leads_to_it(sam_emulator):
    connection = json.loads(sam_emulator.connection_json)
    assert connection["conn_type"] == "sam"
    headers = {"x-api-key": connection["password"], "anthropic-version": "2023-06-01"}
    assert httpx.get(f"{connection['host']}/v1/models", headers=headers).status_code == 200


def test_what_a_batch_was_created_with_can_be_read(sam_emulator, batch, batch_body):
    read = [{"custom_id": name, "params": params} for name, params in sam_emulator.batch_requests(batch["id"])]
    assert read == batch_body["requests"]


def test_batches_are_steered_from_python(sam_emulator, client, batch_body):
    first, second, third = (create(client, batch_body) for _ in range(3))
    sam_emulator.end_batch(first, lambda custom_id: "errored" if custom_id == "row-3" else None)
    sam_emulator.expire_batch(second, {"row-0": "succeeded"})
    sam_emulator.archive_batch(third)
    views = sam_emulator.batches
    assert [view.id for view in views] == [first, second, third]
    assert [view.request_counts["errored"] for view in views] == [1, 0, 0]
    assert [view.request_counts["expired"] for view in views] == [0, 5, 0]
    assert [view.archived_at is None for view in views] == [True, True, False]


def test_outcomes_can_be_settled_for_all_batches(batch_body):
    with SamEmulator(outcomes={"row-0": "errored"}) as emulator, client_of(emulator) as client:
        create(client, batch_body)
        counts = client.get(BATCHES).json()["data"][0]["request_counts"]
        assert (counts["errored"], counts["succeeded"]) == (1, 5)


def test_many_clients_at_once_are_answered(sam_emulator, batch_body):
    def work():
        with client_of(sam_emulator) as client:
            for _ in range(5):
                batch_id = create(client, batch_body)
                client.get(f"{BATCHES}/{batch_id}")
                assert len(client.get(f"{BATCHES}/{batch_id}/results").content.splitlines()) == 6

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sam_emulator.count("messages_batches_results", status=200) == 40

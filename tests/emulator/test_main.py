"""As a program it says where it answers, ends at a signal, and keeps batches in its directory even if killed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from airflow_provider_sam.emulator import SamEmulator
from airflow_provider_sam.emulator.__main__ import main
from tests.emulator.test_batches import BATCHES, results

KEY = "key-of-the-test"


@contextmanager
def program(tmp_path, *options):
    """Run the program and yield it with its URL, once it is ready."""
    ready = tmp_path / "ready"
    command = [
        sys.executable,
        "-m",
        "airflow_provider_sam.emulator",
        "--port",
        "0",
        "--ready-file",
        str(ready),
        *options,
    ]
    environment = {**os.environ, "SAM_EMULATOR_API_KEY": KEY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process, ready.read_text().strip()
        finally:
            process.terminate()
    ready.unlink(missing_ok=True)


def client_at(url):
    return httpx.Client(base_url=url, headers={"x-api-key": KEY, "anthropic-version": "2023-06-01"}, timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_answers_and_ends_at_a_signal(tmp_path, number):
    with program(tmp_path, "--answer", "yes") as (process, url):
        first, export = process.stdout.readline(), process.stdout.readline()
        assert url in first
        name, _, value = shlex.split(export)[1].partition("=")
        assert (name, json.loads(value)) == (
            "AIRFLOW_CONN_SAM_DEFAULT",
            {"conn_type": "sam", "host": url, "password": KEY},
        )
        with client_at(url) as client:
            assert client.get("/v1/models").status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert not (tmp_path / "ready").exists()


@pytest.mark.parametrize(
    ("options", "looks"),
    [
        (["--end-after-looks", "2"], ["in_progress", "ended"]),
        (["--on-demand"], ["in_progress"] * 2),
        (["--end-after", "0"], ["ended"]),
    ],
)
def test_it_ends_batches_as_its_options_say(tmp_path, batch_body, options, looks):
    with program(tmp_path, *options) as (_, url), client_at(url) as client:
        batch_id = client.post(BATCHES, json=batch_body).json()["id"]
        assert [client.get(f"{BATCHES}/{batch_id}").json()["processing_status"] for _ in looks] == looks


def test_batches_survive_a_process_that_is_killed(tmp_path, batch_body):
    kept = tmp_path / "kept"
    options = ["--on-demand", "--directory", str(kept)]
    with program(tmp_path, *options) as (process, url), client_at(url) as client:
        first, second, third = (client.post(BATCHES, json=batch_body).json()["id"] for _ in range(3))
        outcomes = {"outcomes": {"row-0": {"type": "api_error", "message": "lost"}}}
        ended = client.post(f"/_emulator/batches/{first}/end", json=outcomes).json()
        before = results(client, first)
        canceling = client.post(f"{BATCHES}/{second}/cancel").json()
        process.kill()
    (kept / "unfinished" / "torn").mkdir()
    with program(tmp_path, *options) as (_, url), client_at(url) as client:
        listed = client.get(BATCHES).json()["data"]
        assert [batch["id"] for batch in listed] == [third, second, first]
        assert listed[1] == canceling
        assert {**listed[2], "results_url": None} == {**ended, "results_url": None}
        assert results(client, first) == before
        assert client.post(f"/_emulator/batches/{third}/end").json()["request_counts"]["succeeded"] == 6
    assert list((kept / "unfinished").iterdir()) == []


def test_batches_in_a_directory_are_there_for_the_next_emulator(tmp_path, batch_body):
    for expected in (1, 2):
        with SamEmulator(directory=tmp_path, api_key=KEY) as emulator, client_at(emulator.url) as client:
            client.post(BATCHES, json=batch_body)
            assert len(client.get(BATCHES).json()["data"]) == expected


def test_a_port_in_use_is_told_in_one_line(sam_emulator, capsys):
    port = sam_emulator.url.rpartition(":")[2]
    assert main(["--port", port]) == 1
    assert capsys.readouterr().err.startswith(f"Cannot listen on 127.0.0.1 port {port}: Address already in use")


def test_missing_libraries_are_named_with_the_extra_that_brings_them(monkeypatch, capsys):
    monkeypatch.setattr("airflow_provider_sam.emulator.__main__.missing_libraries", lambda: ["uvicorn"])
    assert main([]) == 2
    assert capsys.readouterr().err == "Missing: uvicorn. Run: pip install 'airflow-provider-sam[emulator]'\n"

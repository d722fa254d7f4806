"""`make airflow` is a showroom: the connection is in its form, its button tests it, and the key is on the screen."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from airflow_provider_sam.links.batch import page_of
from tests.deployment.processes import running
from tests.deployment.stack import STARTS_WITHIN, Airflow, free_port, wait_for

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
REQUEST = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def showroom(tmp_path):
    """The program, once it has printed its welcome, and what it has printed."""
    port = free_port()
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__API__PORT": str(port), "PYTHONUNBUFFERED": "1"}
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=env, check=True, capture_output=True)
    screen = tmp_path / "screen"
    with (
        screen.open("w") as output,
        running(
            [sys.executable, "-m", "tests.deployment.ui"], env=env | {"PYTHONPATH": str(ROOT)}, output=output
        ) as ui,
    ):
        wait_for(
            lambda: "Ctrl-C ends both" in screen.read_text() or ui.poll() is not None,
            within=STARTS_WITHIN + 60,
            what="the welcome",
        )
        yield Airflow(f"http://127.0.0.1:{port}", tmp_path, env), screen.read_text()
        ui.send_signal(signal.SIGINT)
        assert ui.wait(timeout=120) == 0
        assert "Stopped Airflow and the emulator." in screen.read_text()


def test_the_connection_is_in_its_form_and_its_button_tests_it_and_its_link_leads_to_a_batch(showroom):
    airflow, said = showroom
    (key,) = re.findall(r"^API key: +(\S+)$", said, re.MULTILINE)
    stored = airflow.call("GET", "/connections/sam_default")
    assert (stored["conn_type"], stored["password"]) == ("sam", "***")
    tested = airflow.call("POST", "/connections/test", stored)
    assert tested == {"status": True, "message": tested["message"]}
    assert "sam-" in tested["message"]

    answer = httpx.post(
        f"{stored['host']}/v1/messages/batches",
        headers={"x-api-key": key, "anthropic-version": "2023-06-01"},
        json={"requests": [{"custom_id": "row-1", "params": REQUEST}]},
    )
    batch = answer.raise_for_status().json()
    assert batch["processing_status"] == "in_progress"
    page = httpx.get(page_of(json.loads(stored["extra"])["console_url"], batch["id"]))
    assert batch["id"] in page.raise_for_status().text

"""On Airflow 3 the API server says how the triggerer does; whatever else it answers, the task goes on at once."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_sam._compat import triggerers
from airflow_provider_sam._compat.triggerers import TriggererHealth, api_url, triggerer_health

SEEN = "2026-11-25T14:00:03+00:00"
UNHEALTHY = {"triggerer": {"status": "unhealthy", "latest_triggerer_heartbeat": SEEN}}


@contextmanager
def api_server(monkeypatch, body, status=200, location=None):
    """Play the API server, and give the paths that it is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            if location:
                self.send_header("location", location)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/airflow/execution/"
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
        try:
            yield asked
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(("status", "heartbeat"), [("healthy", SEEN), ("unhealthy", SEEN), (None, None)])
def test_what_the_api_server_says_is_read_with_one_request(monkeypatch, status, heartbeat):
    body = {"triggerer": {"status": status, "latest_triggerer_heartbeat": heartbeat}}
    with api_server(monkeypatch, body) as asked:
        assert triggerer_health() == TriggererHealth(status=status, latest_heartbeat=heartbeat)
    assert asked == ["/airflow/api/v2/monitor/health"]


@pytest.mark.parametrize(
    ("body", "status", "location"),
    [
        (b"<html>Log in</html>", 200, None),
        (UNHEALTHY, 500, None),
        (UNHEALTHY, 401, None),
        (UNHEALTHY, 302, "/airflow/login"),
        ({"triggerer": "gone"}, 200, None),
        (["triggerer"], 200, None),
        ({"padding": "x" * triggerers.LONGEST_ANSWER} | UNHEALTHY, 200, None),
    ],
    ids=["no JSON", "500", "401", "redirect", "unknown", "list", "too long"],
)
def test_any_other_answer_tells_nothing_and_is_not_asked_for_again(monkeypatch, body, status, location):
    with api_server(monkeypatch, body, status, location) as asked:
        assert triggerer_health() is None
    assert len(asked) == 1


def test_nobody_waits_for_an_api_server_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(triggerers, "ANSWERS_WITHIN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/execution/"
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
        began = time.monotonic()
        assert triggerer_health() is None
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/execution/", "file:///etc/execution/", "no url/execution"])
def test_an_api_server_that_cannot_be_reached_tells_nothing(monkeypatch, url):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
    assert triggerer_health() is None


@pytest.mark.parametrize(
    ("by_tasks", "by_people", "url"),
    [
        ("http://inside:8080/execution/", "https://airflow.example", "http://inside:8080"),
        ("http://inside:8080/team/execution", "https://airflow.example", "http://inside:8080/team"),
        ("http://inside:8080/tasks/", "https://airflow.example/team/", "https://airflow.example/team"),
        ("", "https://airflow.example/", "https://airflow.example"),
        ("", "/team", "http://localhost:8080/team"),
        ("", "", "http://localhost:8080"),
    ],
)
def test_the_api_server_is_where_tasks_reach_it(monkeypatch, by_tasks, by_people, url):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", by_tasks)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", by_people)
    assert api_url() == url

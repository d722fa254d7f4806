"""Over HTTP the emulator is steered as it is from Python."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_sam.emulator import AfterLooks, AfterSeconds, ChosenId, Fault, OnDemand
from tests.emulator.test_batches import BATCHES, results


def test_the_control_routes_ask_for_the_key(sam_emulator):
    assert httpx.get(f"{sam_emulator.url}/_emulator/requests").status_code == 401


def test_the_request_log_is_shown_without_the_key_and_forgotten(sam_emulator, client, params):
    client.post("/v1/messages?beta=true", json=params)
    client.get("/v1/models")
    answer = client.get("/_emulator/requests?operation=messages_create")
    (record,) = answer.json()["data"]
    assert (record["path"], record["query"], record["status"]) == ("/v1/messages", {"beta": "true"}, 200)
    assert sam_emulator.api_key not in client.get("/_emulator/requests").text
    assert client.get("/_emulator/counts").json() == {"messages_create": 1, "models_list": 1}
    assert client.delete("/_emulator/requests").status_code == 204
    assert sam_emulator.requests == ()


def test_a_batch_is_ended_on_demand_with_the_outcomes_asked_for(sam_emulator, client, batch):
    sam_emulator.progress = OnDemand()
    outcomes = {"row-0": "expired", "row-1": {"type": "api_error", "message": "lost"}}
    assert client.get(f"{BATCHES}/{batch['id']}").json()["processing_status"] == "in_progress"
    ended = client.post(f"/_emulator/batches/{batch['id']}/end", json={"outcomes": outcomes}).json()
    assert ended["request_counts"] == {"processing": 0, "succeeded": 4, "errored": 1, "canceled": 0, "expired": 1}
    found = results(client, batch["id"])
    assert found["row-0"] == {"type": "expired"}
    assert found["row-1"]["error"]["error"] == outcomes["row-1"]


def test_a_batch_is_ended_without_more_words(client, batch):
    assert client.post(f"/_emulator/batches/{batch['id']}/end").json()["processing_status"] == "ended"


def test_a_batch_is_expired_and_archived(client, batch):
    path = f"/_emulator/batches/{batch['id']}"
    assert client.post(f"{path}/expire").json()["request_counts"]["expired"] == 6
    assert client.post(f"{path}/archive").json()["archived_at"] is not None
    assert client.get(f"{BATCHES}/{batch['id']}/results").status_code == 404


@pytest.mark.parametrize("action", ["end", "expire", "archive"])
def test_a_batch_that_is_not_there_is_404(client, action):
    assert client.post(f"/_emulator/batches/msgbatch_0/{action}").status_code == 404


def test_batches_are_shown_without_a_look(sam_emulator, client, batch):
    sam_emulator.progress = AfterLooks(1)
    shown = client.get("/_emulator/batches").json()["data"]
    assert [(each["id"], each["requests"], each["status"]) for each in shown] == [(batch["id"], 6, "in_progress")]


def test_faults_are_added_shown_and_cleared(client):
    fault = {"effect": {"type": "status", "status": 529}, "operation": "models_list", "times": 2}
    assert client.post("/_emulator/faults", json=fault).status_code == 204
    assert client.get("/v1/models").status_code == 529
    (shown,) = client.get("/_emulator/faults").json()["data"]
    assert shown["operation"] == "models_list"
    client.delete("/_emulator/faults")
    assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_emulator/faults", {"effect": {"type": "flood"}}),
        ("/_emulator/faults", {"effect": {"type": "delay", "seconds": 1}, "operatoin": "models_list"}),
    ],
)
def test_a_misspelled_fault_is_refused(client, path, body):
    assert client.post(path, json=body).status_code == 400


def test_answers_are_set(client, params):
    client.put("/_emulator/answers", json="forty-two")
    assert client.post("/v1/messages", json=params).json()["content"][0]["text"] == "forty-two"
    client.put("/_emulator/answers", content=b"null")
    assert client.post("/v1/messages", json=params).json()["content"][0]["text"] != "forty-two"


@pytest.mark.parametrize(
    ("body", "progress"),
    [
        ({"after_seconds": 2}, AfterSeconds(2.0)),
        ({"after_looks": 3}, AfterLooks(3)),
        ({"on_demand": True}, OnDemand()),
    ],
)
def test_progress_is_set(sam_emulator, client, body, progress):
    assert client.put("/_emulator/progress", json=body).status_code == 204
    assert sam_emulator.progress == progress


@pytest.mark.parametrize("body", [{}, {"after_seconds": 1, "on_demand": True}, {"soon": True}])
def test_progress_is_one_rule(client, body):
    assert client.put("/_emulator/progress", json=body).status_code == 400


def test_a_reset_forgets_all(sam_emulator, client, batch):
    client.post("/_emulator/faults", json={"effect": {"type": "delay", "seconds": 60}})
    assert client.post("/_emulator/reset").status_code == 204
    assert (sam_emulator.batches, sam_emulator.requests, sam_emulator.faults.pending) == ((), (), ())
    assert client.get(f"{BATCHES}/{batch['id']}").status_code == 404


def test_a_page_shows_a_batch_to_a_browser_without_a_key_or_a_look(sam_emulator, batch):
    sam_emulator.progress = AfterLooks(1)
    path = f"{sam_emulator.url}/_emulator/batches/"
    page = httpx.get(path + batch["id"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert batch["id"] in page.text
    assert "in_progress" in page.text
    assert sam_emulator.batches[0].status == "in_progress"
    assert httpx.get(path + "msgbatch_unknown").status_code == 404


def test_a_page_takes_nothing_of_an_id_for_its_own_text(sam_emulator, client, batch_body):
    sam_emulator.faults.add(Fault(ChosenId("<script>")))
    client.post("/v1/messages/batches", json=batch_body)
    page = httpx.get(f"{sam_emulator.url}/_emulator/batches/%3Cscript%3E").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page

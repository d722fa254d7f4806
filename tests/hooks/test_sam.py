"""A connection goes in, a client comes out, and the connection test says which field to look at."""

from __future__ import annotations

import json
import logging
import socket
from importlib.metadata import version

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.connection import form_behaviour, form_fields
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.exceptions import SamConnectionConfigError
from airflow_provider_sam.hooks.sam import SamHook


def test_a_hook_looks_nothing_up_until_it_is_used(mocker):
    looked_up = mocker.patch.object(SamHook, "get_connection", side_effect=LookupError)
    hook = SamHook("a_connection_that_does_not_exist")
    looked_up.assert_not_called()
    with pytest.raises(LookupError):
        _ = hook.client


def test_the_client_speaks_as_the_connection_says(sam):
    with SamHook().client as client:
        assert client.list_models(limit=1).data
    (request,) = sam.requests
    assert (request.operation, request.status) == ("models_list", 200)


async def test_the_async_client_speaks_as_the_connection_says(sam):
    async with await SamHook().async_client() as client:
        assert (await client.list_models(limit=1)).data
    assert sam.count("models_list", status=200) == 1


async def test_a_rotated_key_is_seen_by_the_next_async_client(sam, monkeypatch):
    hook = SamHook()
    connection = json.loads(sam.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection | {"password": "rotated-away"}))
    async with await hook.async_client() as client:
        with pytest.raises(Exception, match="401"):
            await client.list_models()
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", sam.connection_json)
    async with await hook.async_client() as client:
        assert (await client.list_models()).data


def test_a_wrong_connection_is_said_when_the_client_is_asked_for(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", '{"conn_type": "sam", "password": "key"}')
    with pytest.raises(SamConnectionConfigError, match="host is empty"):
        _ = SamHook().client


def test_the_connection_test_names_a_model(sam):
    ok, message = SamHook().test_connection()
    assert ok
    assert "sam-" in message
    assert sam.count("models_list") == len(sam.requests) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "password"),
        (403, "workspace"),
        (404, "path in host"),
        (302, "redirect"),
        (429, "rate limit"),
        (500, "answered 500"),
    ],
)
def test_the_connection_test_says_where_to_look(sam, status, said):
    sam.faults.add(Fault(Status(status, headers={"location": "https://elsewhere.example/"} if status == 302 else {})))
    ok, message = SamHook().test_connection()
    assert not ok
    assert said in message
    assert sam.api_key not in message
    assert len(sam.requests) == 1


def test_a_hook_tells_the_model_that_the_connection_names(default_model):
    assert SamHook().get_default_model() == default_model


def test_a_connection_that_names_no_model_has_no_default(sam):
    assert SamHook().get_default_model() is None
    assert not sam.requests


@pytest.mark.usefixtures("default_model")
def test_a_client_sends_what_it_is_given_and_adds_no_model(sam):
    with SamHook().client as client, pytest.raises(SamRequestError, match="model missing"):
        client.create_message({"max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]})
    assert not sam.requests


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (lambda _: f"http://127.0.0.1:{unused_port()}", "name and port in host"),
        (lambda _: "http://sam.invalid", "name and port in host"),
        (lambda url: url.replace("http:", "https:"), "TLS"),
        (lambda url: f"{url}/elsewhere", "path in host"),
        (lambda url: f"{url}/v1", "leave out /v1"),
        (lambda _: "api.sam.example", "needs a scheme"),
    ],
    ids=["refused", "no such name", "no TLS there", "wrong path", "the API's version", "no scheme"],
)
def test_the_connection_test_tells_wrong_hosts_apart(sam, monkeypatch, host, said):
    connection = json.loads(sam.connection_json)
    connection["host"] = host(sam.url)
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection))
    ok, message = SamHook().test_connection()
    assert not ok
    assert said in message


def test_the_key_is_in_no_log_line(sam, caplog):
    caplog.set_level(logging.DEBUG)
    sam.faults.add(Fault(Status(401)))
    SamHook().test_connection()
    SamHook().test_connection()
    assert caplog.records
    assert sam.api_key not in caplog.text


def shown_form():
    """The form that Airflow's page of a connection shows: the type's name, the extras, the name of the key's field."""
    try:
        from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    except ImportError:  # Airflow 2
        from airflow.providers_manager import ProvidersManager

        manager = ProvidersManager()
        name = manager.hooks["sam"].hook_name
        prefix = "extra__sam__"
        extras = [field.removeprefix(prefix) for field in manager.connection_form_widgets if field.startswith(prefix)]
        return name, extras, manager.field_behaviours["sam"]["relabeling"]["password"]
    (form,) = [hook for hook in HookMetaService.hook_meta_data() if hook.connection_type == "sam"]
    key = form.standard_fields.password.title if form.standard_fields else None
    return form.hook_name, list(form.extra_fields or ()), key


def test_airflow_shows_the_fields_of_the_form():
    expected = (SamHook.hook_name, list(form_fields()), form_behaviour()["relabeling"]["password"])
    if version("apache-airflow").startswith("3.0."):  # has no forms of its own, unless the FAB provider brings them
        expected = (SamHook.hook_name, [], None)
    assert shown_form() == expected

"""The table of methods in the documentation names all of them, and each row does what it says."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_sam.api.client import AsyncSamClient, SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import OPENAPI_PATH, AfterLooks, OnDemand
from tests.api.calling import Awaiting, Blocking, Patience

DOCUMENT = Path(__file__).parents[1] / "docs" / "methods.md"
ROOMS = (
    "operators.batch",
    "operators.message",
    "operators.completion",
    "sensors.batch",
    "transfers.batch_to_object_storage",
)


class Row(NamedTuple):
    """One row of the table, without its typography."""

    api_method: str
    http_method: str
    path: str
    call: str
    arguments: tuple[str, ...]
    dag_class: str


def rows():
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if len(cells) != 4 or " /v1/" not in cells[1]:
            continue
        http_method, path = cells[1].split()
        call, arguments = re.fullmatch(r"(\w+)\((.*)\)", cells[2]).groups()
        names = tuple(name.strip() for name in arguments.split(",") if name)
        found.append(Row(cells[0], http_method, path, call, names, cells[3]))
    return found


def test_the_table_has_each_method_of_the_contract_once():
    paths = json.loads(OPENAPI_PATH.read_bytes())["paths"].values()
    methods = [name for path in paths for operation in path.values() for name in operation["x-seed-methods"]]
    assert sorted(row.api_method for row in rows()) == sorted(methods)
    assert len(methods) == 21


@pytest.mark.parametrize("client", [Blocking, Awaiting], ids=["blocking", "awaiting"])
@pytest.mark.parametrize("row", rows(), ids=lambda row: row.api_method)
def test_a_row_asks_what_it_says(sam_emulator, requests, client, row):
    settings = ClientSettings(base_url=sam_emulator.url, api_key=sam_emulator.api_key)
    call = client(Patience())
    sam_emulator.progress = OnDemand()
    values = {
        "params": requests[0]["params"],
        "requests": requests,
        "completion_params": {"model": "sam-small", "prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 5},
        "model_id": "sam-small",
    }
    if "batch_id" in row.arguments:
        values["batch_id"] = call(settings, "create_batch", requests).id
        if row.call in {"delete_batch", "iter_results"}:
            sam_emulator.end_batch(values["batch_id"])
        sam_emulator.progress = AfterLooks(1)
    if row.call == "count_tokens":
        values["params"] = {name: value for name, value in values["params"].items() if name != "max_tokens"}
    arguments = [values[name] for name in row.arguments if "=" not in name]
    betas = {"betas=betas": {"betas": ["b1", "b2"]}, "betas=()": {"betas": ()}}
    named = betas.get(row.arguments[-1], {}) if row.arguments else {}
    assert call(settings, row.call, *arguments, **named) is not None
    request = sam_emulator.requests[-1]
    path, _, query = row.path.partition("?")
    id_ = values.get("batch_id", values["model_id"])
    assert (request.method, request.path, request.status) == (row.http_method, path.replace("{id}", id_), 200)
    assert request.query == ({"beta": "true"} if query else {})
    assert bool(named) == bool(query)


@pytest.mark.parametrize("client", [SamClient, AsyncSamClient])
def test_the_typed_user_uses_each_method_of_both_clients(client):
    source = (Path(__file__).parent / "typed_user.py").read_text(encoding="utf-8")
    blocking, _, awaiting = source.partition("async def awaiting")
    used = set(re.findall(r"\bclient\.(\w+)", blocking if client is SamClient else awaiting))
    methods = {name for name in vars(client) if not name.startswith("_")} - {"close", "aclose"}
    assert methods - used == set()
    assert len(methods) == 18


@pytest.mark.parametrize("name", sorted({row.dag_class for row in rows() if row.dag_class}))
def test_a_class_that_the_table_names_is_there(name):
    assert [room for room in ROOMS if hasattr(import_module(f"airflow_provider_sam.{room}"), name)]

"""The plugin loads nothing until its fixture is used, and each test has an emulator of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

import airflow_provider_sam.emulator as package

LOADED = """
import sys
import airflow_provider_sam.emulator.pytest_plugin
print(sorted({"airflow", "httpx", "jsonschema_rs", "msgspec", "starlette", "uvicorn"} & set(sys.modules)))
"""


def test_the_plugin_loads_no_library_of_the_extra():
    run = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_has_a_fresh_emulator(sam_emulator, client, batch_body, _time):
    assert sam_emulator.batches == ()
    client.post("/v1/messages/batches", json=batch_body)
    assert len(sam_emulator.batches) == 1


def test_without_the_libraries_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "starlette" else object())
    with pytest.raises(ImportError, match=r"needs starlette: pip install 'airflow-provider-sam\[emulator\]'"):
        _ = package.SamEmulator


def test_all_public_names_are_there_and_no_others():
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith(package.__name__) or name == "OPENAPI_PATH"
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'SamEmulater'"):
        _ = package.SamEmulater

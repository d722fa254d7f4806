"""Each client in turn, settings that lead to the emulator, and an environment without proxies."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings as hypothesis_settings

from airflow_provider_sam.api.errors import SamError
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import Fault
from tests.api.calling import Awaiting, Blocking, Patience

# How long one example takes says something about the machine alone.
hypothesis_settings.register_profile("shared-machine", deadline=None)
hypothesis_settings.load_profile("shared-machine")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def patience():
    """The clock and the waits of the test's calls."""
    return Patience()


@pytest.fixture(params=[Blocking, Awaiting], ids=["blocking", "awaiting"])
def call(request, patience):
    """Calls a method: ``call(settings, name, *args)``, on each of the two clients."""
    return request.param(patience)


@pytest.fixture
def settings(sam_emulator):
    """What leads a client to the emulator."""
    return ClientSettings(base_url=sam_emulator.url, api_key=sam_emulator.api_key)


@pytest.fixture
def params():
    """The parameters of a message."""
    return {"model": "sam-small", "max_tokens": 20, "messages": [{"role": "user", "content": "Hello."}]}


@pytest.fixture
def fails(call, settings, patience, sam_emulator):
    """Makes a call that fails, and gives the error, the requests made and the waits asked for."""

    def attempt(which, fault=None, *, times=None, **kwargs):
        method, args, operation = which
        if fault is not None:
            sam_emulator.faults.add(Fault(fault, operation=operation, times=times))
        with pytest.raises(SamError) as failed:
            call(settings, method, *args, **kwargs)
        return failed.value, sam_emulator.count(operation), patience.waits

    return attempt

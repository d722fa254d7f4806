"""A client of the emulator that is plain httpx, and requests to send by it."""

from __future__ import annotations

import ssl

import httpx
import pytest

VERSION = "2023-06-01"

_TLS = ssl.create_default_context()  # made once: it takes longer than most tests here


def client_of(emulator):
    """A client with key and version of one emulator."""
    headers = {"x-api-key": emulator.api_key, "anthropic-version": VERSION}
    return httpx.Client(base_url=emulator.url, headers=headers, timeout=30, verify=_TLS)


@pytest.fixture
def client(sam_emulator):
    """A client of the test's emulator."""
    with client_of(sam_emulator) as client:
        yield client


@pytest.fixture
def params():
    """A valid message request."""
    return {"model": "sam-small", "max_tokens": 50, "messages": [{"role": "user", "content": "Name a colour."}]}


@pytest.fixture
def batch_body(params):
    """The body of a valid batch of six."""
    return {"requests": [{"custom_id": f"row-{number}", "params": params} for number in range(6)]}


@pytest.fixture
def batch(client, batch_body):
    """A batch of six, just created."""
    answer = client.post("/v1/messages/batches", json=batch_body)
    assert answer.status_code == 200, answer.text
    return answer.json()

"""Whatever is sent, of what the contract's file allows and of what it does not, is answered within that file."""

from __future__ import annotations

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from airflow_provider_sam.emulator import OPENAPI_PATH, SamEmulator
from tests.emulator.conftest import VERSION, client_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

schema = schemathesis.openapi.from_path(str(OPENAPI_PATH))

ANSWERED_WITHIN_THE_CONTRACT = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.deserializer("application/x-jsonl")
def first_line(_context, response):
    """The contract's file describes one line of the results; other tests look at all of them."""
    return json.loads(response.content.partition(b"\n")[0])


@pytest.fixture(scope="module")
def emulator():
    """One emulator for all cases."""
    with SamEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def new_batch(emulator):
    """Make an ended batch and return its id."""
    params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    requests = [{"custom_id": "good", "params": params}, {"custom_id": "bad", "params": {}}]
    with client_of(emulator) as client:

        def make():
            batch_id = client.post("/v1/messages/batches", json={"requests": requests}).json()["id"]
            emulator.end_batch(batch_id)
            return batch_id

        yield make


def bounded(examples):
    """So many cases, always the same ones; making those with deep bodies takes seconds each."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def check(case, emulator):
    headers = {"x-api-key": emulator.api_key, "anthropic-version": VERSION}
    case.call_and_validate(base_url=emulator.url, headers=headers, checks=ANSWERED_WITHIN_THE_CONTRACT)


@schema.include(operation_id_regex="create|count_tokens").parametrize()
@bounded(25)
def test_no_answer_to_a_body_is_a_server_error_or_outside_the_contract(case, emulator):
    if isinstance(case.body, dict) and case.body.get("stream") is True:
        case.body["stream"] = False  # the file describes answers as a whole, and no events
    check(case, emulator)


@schema.exclude(operation_id_regex="create|count_tokens").parametrize()
@bounded(40)
def test_no_other_answer_is_either(case, emulator):
    check(case, emulator)


@schema.include(path_regex="message_batch_id").parametrize()
@bounded(10)
def test_nor_is_any_about_a_batch_that_is_there(case, emulator, new_batch):
    case.path_parameters = {"message_batch_id": new_batch()}
    check(case, emulator)

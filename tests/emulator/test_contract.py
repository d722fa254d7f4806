"""The contract is read from its file, and what breaks it is named by field."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.contract import OPENAPI_PATH, operations, violation
from airflow_provider_sam.emulator.routes.table import HANDLERS

MINIMAL = {"model": "m", "max_tokens": 1, "messages": []}
COMPUTER = {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "display_height_px": 9}


def test_the_file_is_part_of_the_package():
    assert OPENAPI_PATH.is_file()


def test_each_operation_of_the_contract_has_a_handler_and_no_other_has():
    assert {operation.id for operation in operations()} == set(HANDLERS)
    assert len(HANDLERS) == 11


def user(content):
    return {**MINIMAL, "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"max_tokens": 1, "messages": []}, '"model"'),
        ({**MINIMAL, "max_tokens": "1"}, "max_tokens: "),
        ({**MINIMAL, "messages": [{"role": "robot", "content": ""}]}, "messages.0.role: "),
        (user(3), "messages.0.content: "),
        (user([{"type": "text"}]), 'messages.0.content.0: "text"'),
        (user([{"type": "image", "source": {"type": "url"}}]), 'messages.0.content.0.source: "url"'),
        ({**MINIMAL, "thinking": {"type": "enabled"}}, 'thinking: "budget_tokens"'),
        ([], '[] is not of type "object"'),
    ],
)
def test_a_violation_names_the_field_of_the_alternative_that_was_meant(body, named):
    assert violation("MessageCreateParams", body).startswith(named)


def test_a_violation_does_not_quote_a_whole_prompt():
    assert len(violation("MessageCreateParams", {**MINIMAL, "max_tokens": "x" * 10_000})) < 500


def test_a_field_newer_than_the_contract_is_let_through():
    assert violation("MessageCreateParams", {**MINIMAL, "service_tier": "auto"}) is None


@pytest.mark.parametrize(("schema", "is_fine"), [("MessageCreateParams", False), ("BetaMessageCreateParams", True)])
def test_a_beta_tool_is_for_the_beta_route_alone(schema, is_fine):
    assert (violation(schema, {**MINIMAL, "tools": [COMPUTER]}) is None) is is_fine

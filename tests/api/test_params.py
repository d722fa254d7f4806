from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence

import pytest

from airflow_provider_sam.api import limits, param_blocks, params
from airflow_provider_sam.emulator import OPENAPI_PATH

SCHEMAS = json.loads(OPENAPI_PATH.read_text(encoding="utf-8"))["components"]["schemas"]
TYPED = {
    name: cls
    for module in (param_blocks, params)
    for name, cls in vars(module).items()
    if typing.is_typeddict(cls) and not name.startswith("_")
}
# Everything that can be reached from a request's body, which no answer shares.
ROOTS = ["MessageCreateParams", "BetaMessageCreateParams", "CountTokensParams", "BetaCountTokensParams"]
ROOTS += ["BatchRequest", "BetaBatchRequest", "CompleteCreateParams"]


def references(value):
    """The names of all schemas that a schema refers to."""
    if isinstance(value, dict):
        yield from ([value["$ref"].rpartition("/")[2]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from references(part)


def reachable(names):
    """The names and all they lead to."""
    found, open_ = set(), list(names)
    while open_:
        if (name := open_.pop()) not in found:
            found.add(name)
            open_ += references(SCHEMAS[name])
    return found


def test_every_schema_of_a_request_is_typed_under_its_name():
    assert sorted(TYPED) == sorted(reachable(ROOTS))


@pytest.mark.parametrize("name", TYPED)
def test_a_typed_mapping_has_the_keys_of_the_contract_and_requires_what_it_requires(name):
    cls = TYPED[name]
    hints = typing.get_type_hints(cls, None, {"Mapping": Mapping, "Sequence": Sequence}, include_extras=True)
    optional = set() if cls.__total__ else {key for key in hints if not is_required(hints[key])}

    assert set(hints) == set(SCHEMAS[name]["properties"])
    assert set(hints) - optional == set(SCHEMAS[name].get("required", []))


def is_required(hint):
    """Whether a key of a mapping that is not total is required."""
    return typing.get_origin(hint) is typing.Required


@pytest.mark.parametrize(
    ("required", "schema"),
    [
        (limits.MESSAGE_PARAMS, "MessageCreateParams"),
        (limits.MESSAGE_PARAMS, "BetaMessageCreateParams"),
        (limits.COUNT_TOKENS_PARAMS, "CountTokensParams"),
        (limits.COMPLETION_PARAMS, "CompleteCreateParams"),
    ],
)
def test_what_is_checked_before_sending_is_what_the_contract_requires(required, schema):
    assert sorted(required) == sorted(SCHEMAS[schema]["required"])


def test_no_parameter_of_the_contract_is_refused():
    taken = {name for root in ROOTS for name in SCHEMAS[root]["properties"]}

    assert taken & set(limits.NOT_PARAMS) == set()

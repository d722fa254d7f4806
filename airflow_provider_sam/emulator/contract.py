"""The contract as the emulator reads it: operations and schemas, straight from the OpenAPI file.

The file is the one place where shapes are written down; routes, checks and tests all read it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENAPI_PATH = Path(__file__).with_name("sam-openapi.json")
"""The OpenAPI 3.1 description of the Sam API."""

ANTHROPIC_VERSION = "2023-06-01"
"""The only value of the ``anthropic-version`` header that the contract knows."""

_OPEN_SCHEMAS = frozenset({"ToolInputSchema"})
"""Whose objects have fields of the user's own, even for a strict reader."""

_LONGEST_VIOLATION = 400  # characters; a violation quotes the value, and a prompt may be megabytes


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract.

    :param id: its ``operationId``
    :param schemas: the names of its body's schema on the plain route and, where there is one, on the beta route
    :param has_beta: whether ``?beta=true`` selects a beta route
    """

    id: str
    method: str
    path: str
    schemas: tuple[str, ...]
    has_beta: bool

    def schema(self, *, beta: bool) -> str:
        """Return the name of the body's schema on the plain or the beta route."""
        return self.schemas[-1] if beta else self.schemas[0]


@cache
def document() -> Mapping[str, Any]:
    """Return the OpenAPI document."""
    loaded: Mapping[str, Any] = msgspec.json.decode(OPENAPI_PATH.read_bytes())
    return loaded


@cache
def operations() -> tuple[Operation, ...]:
    """Return all operations of the contract."""
    return tuple(
        _operation(path, method, described)
        for path, methods in document()["paths"].items()
        for method, described in methods.items()
    )


def _operation(path: str, method: str, described: Mapping[str, Any]) -> Operation:
    schemas: tuple[str, ...] = ()
    if "requestBody" in described:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        schemas = tuple(part["$ref"].rpartition("/")[2] for part in schema.get("anyOf", [schema]))
    names = {parameter["name"] for parameter in described["parameters"]}
    return Operation(described["operationId"], method.upper(), path, schemas, has_beta="beta" in names)


@cache
def validator(schema: str, *, strict: bool = False) -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of a named schema; compiled once, since a batch asks 100,000 times.

    :param strict: whether objects may have no other fields than the contract names
    """
    schemas = document()["components"]["schemas"]
    if strict:
        schemas = {name: part if name in _OPEN_SCHEMAS else _closed(part) for name, part in schemas.items()}
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
    )


def _closed(schema: Any) -> Any:
    """Return a copy of a schema whose objects have no field but their own."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {"additionalProperties": False, **closed} if isinstance(closed.get("properties"), dict) else closed


def is_valid(schema: str, value: object, *, strict: bool = False) -> bool:
    """Return whether ``value`` has the named shape."""
    return validator(schema, strict=strict).is_valid(value)


def violation(schema: str, value: object, *, strict: bool = False) -> str | None:
    """Say what is wrong with ``value``, naming the field, such as ``messages.0.role: ...``; None when nothing is."""
    try:
        return _violation(validator(schema, strict=strict), value)
    except ValueError:
        return "The value is nested too deep."  # too deep for the validator to quote it, which valid ones never are


def _violation(validator: jsonschema_rs.Draft202012Validator, value: object) -> str | None:
    for error in validator.iter_errors(value):
        worst = _innermost(error)
        where = ".".join(str(step) for step in worst.instance_path)
        text = f"{where}: {worst.message}" if where else worst.message
        return text if len(text) <= _LONGEST_VIOLATION else f"{text[:_LONGEST_VIOLATION]}..."
    return None


def _innermost(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Of a union that fits nowhere, return the error of the alternative that was evidently meant.

    That is the alternative whose ``type`` tag fits and which got furthest into the value.
    """
    branches = getattr(error.kind, "context", None) or []
    meant = [branch for branch in branches if branch and not any(_is_wrong_kind(part, error) for part in branch)]
    if not meant:
        return error
    deepest = max((branch[0] for branch in meant), key=lambda part: len(part.instance_path))
    return _innermost(deepest)


def _is_wrong_kind(part: jsonschema_rs.ValidationError, whole: jsonschema_rs.ValidationError) -> bool:
    """Return whether ``part`` says: this alternative is for another type of value."""
    inside = part.instance_path[len(whole.instance_path) :]
    return (not inside and part.kind.name == "type") or (inside == ["type"] and part.kind.name in {"const", "enum"})

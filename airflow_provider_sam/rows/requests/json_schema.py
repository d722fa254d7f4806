"""What is read of a JSON schema: whether it describes an object, and its properties with their references resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonschema.exceptions import ValidationError

DEEPEST = 8
"""Levels to which references are resolved; what lies deeper, as in a type that holds itself, is left open."""


def as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose root is no reference, as the API wants to see the type of a tool's input there."""
    found = schema
    for _ in range(DEEPEST):
        if "$ref" not in found or (target := _target(schema, found["$ref"])) is None:
            break
        found = {**target, **{name: part for name, part in found.items() if name != "$ref"}}
    definitions: dict[str, Any] = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    return {**found, **definitions} if found is not schema else schema


def is_plain_object(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema is that of an object whose properties are known."""
    return schema.get("type") == "object" and bool(schema.get("properties"))


def columns_of(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of an object's schema by name, with references resolved."""
    return {name: _resolved(part, schema, 0) for name, part in schema.get("properties", {}).items()}


def _resolved(part: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(part, list):
        return [_resolved(item, root, depth) for item in part]
    if not isinstance(part, Mapping):
        return part
    if "$ref" in part:
        target = _target(root, part["$ref"]) if depth < DEEPEST else None
        rest = {name: value for name, value in part.items() if name != "$ref"}
        return rest if target is None else _resolved({**target, **rest}, root, depth + 1)
    return {name: _resolved(value, root, depth) for name, value in part.items()}


def _target(root: Mapping[str, Any], reference: object) -> dict[str, Any] | None:
    """Return what a reference inside of a schema means; None where it leads elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        if name:
            found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else None


def shortest_reason(problems: Sequence[ValidationError]) -> str:
    """Return what is wrong with a value, in one line."""
    from jsonschema.exceptions import best_match

    best = best_match(problems)
    path = ".".join(map(str, best.absolute_path))
    return f"{path}: {best.message}" if path else str(best.message)

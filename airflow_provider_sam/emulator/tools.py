"""Which tool an answer calls, and with what input: the first that fits, with values its schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMATTED: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "sam@example.com",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_LONGEST_CHAIN = 20  # references and choices that follow each other; a longer one is a circle
_LONGEST_TEXT = 40  # characters of the prompt that an answer repeats
_DEEPEST = 5  # levels; deeper ones stay empty

_BUILT_IN_INPUTS: Mapping[str, Mapping[str, Any]] = {
    "bash": {"command": "ls"},
    "computer": {"action": "screenshot"},
    "str_replace_editor": {"command": "view", "path": "/"},
}


def tool_to_call(params: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the tool that the answer calls; None for an answer in words.

    A request that offers tools gets a call, unless its ``tool_choice`` is ``none`` or its last message brings a result.
    """
    tools = params.get("tools", ())
    choice = params.get("tool_choice", {"type": "auto"})
    if not tools or choice["type"] == "none":
        return None
    if choice["type"] == "tool":
        return next((tool for tool in tools if tool["name"] == choice["name"]), None)
    first: Mapping[str, Any] = tools[0]
    return None if choice["type"] == "auto" and _brings_result(params) else first


def given_input(params: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """Return the input of a call that a request asks for, where the answer that is replayed is one; else None."""
    if params.get("tool_choice", {}).get("type") not in ("tool", "any"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def tool_use(
    tool: Mapping[str, Any], block_id: str, prompt: str, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the ``tool_use`` block that calls ``tool``.

    :param given: with what; None for values that its schema allows
    """
    schema = tool.get("input_schema")
    if given is not None:
        called: Any = dict(given)
    elif schema is None:
        called = dict(_BUILT_IN_INPUTS.get(tool["name"], {}))
    else:
        called = _sample(schema, schema, prompt[:_LONGEST_TEXT])
    return {"type": "tool_use", "id": block_id, "name": tool["name"], "input": called}


def _brings_result(params: Mapping[str, Any]) -> bool:
    last = params["messages"][-1]["content"] if params["messages"] else ""
    return not isinstance(last, str) and any(block["type"] == "tool_result" for block in last)


def _sample(schema: Any, root: Any, text: str, depth: int = 0) -> Any:
    """Make a value of a JSON schema; whatever is not understood becomes a text, as a model's guess would be."""
    schema = _resolved(schema, root)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(allowed, list) and allowed:
        return allowed[0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind in ("object", "array"):
        return _container(kind, schema, lambda part: _sample(part, root, text, depth + 1), is_open=depth < _DEEPEST)
    if kind in ("integer", "number"):
        return _number(schema, 1 if kind == "integer" else 1.0)
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    return _FORMATTED.get(str(schema.get("format")), text)


def _container(kind: str, schema: Mapping[str, Any], sample: Callable[[Any], Any], *, is_open: bool) -> Any:
    """Make an object or a list; one that lies too deep is empty."""
    if kind == "array":
        return [sample(schema.get("items"))] if is_open else []
    properties = schema.get("properties")
    inside = properties if isinstance(properties, Mapping) and is_open else {}
    return {name: sample(part) for name, part in inside.items()}


def _resolved(schema: Any, root: Any) -> Mapping[str, Any]:
    """Follow references, and take the first of several choices."""
    for _ in range(_LONGEST_CHAIN):
        if not isinstance(schema, Mapping):
            break
        choices = next((schema[name] for name in ("anyOf", "oneOf", "allOf") if schema.get(name)), None)
        if "$ref" in schema:
            schema = _target(root, schema["$ref"])
        elif isinstance(choices, list):
            schema = choices[0]
        else:
            return schema
    return {}


def _number(schema: Mapping[str, Any], value: float) -> float:
    """Return a number, or what its bounds allow nearest to it."""
    least, most = schema.get("minimum"), schema.get("maximum")
    value = least if isinstance(least, int | float) and value < least else value
    return most if isinstance(most, int | float) and value > most else value


def _target(root: Any, reference: object) -> Any:
    """Return what a reference inside of a schema means."""
    found = root
    for name in str(reference).removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found

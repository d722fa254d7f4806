"""Which tool an answer calls, and with what input: the first that fits, with values its schema allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAMPLES: Mapping[str, Any] = {"integer": 1, "number": 1.0, "boolean": True, "null": None}
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


def tool_use(tool: Mapping[str, Any], block_id: str, prompt: str) -> dict[str, Any]:
    """Return the ``tool_use`` block that calls ``tool``."""
    schema = tool.get("input_schema")
    called = _sample(schema, prompt) if schema is not None else dict(_BUILT_IN_INPUTS.get(tool["name"], {}))
    return {"type": "tool_use", "id": block_id, "name": tool["name"], "input": called}


def _brings_result(params: Mapping[str, Any]) -> bool:
    last = params["messages"][-1]["content"] if params["messages"] else ""
    return not isinstance(last, str) and any(block["type"] == "tool_result" for block in last)


def _sample(schema: Any, prompt: str, depth: int = 0) -> Any:
    """Make a value of a JSON schema; whatever is not understood becomes a text, as a model's guess would be."""
    if not isinstance(schema, Mapping):
        return prompt[:40]
    allowed = schema.get("enum")
    if isinstance(allowed, list) and allowed:
        return allowed[0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "string")
    if kind == "object":
        properties = schema.get("properties")
        inside = properties if isinstance(properties, Mapping) and depth < _DEEPEST else {}
        return {name: _sample(part, prompt, depth + 1) for name, part in inside.items()}
    if kind == "array":
        return [_sample(schema.get("items"), prompt, depth + 1)] if depth < _DEEPEST else []
    return _SAMPLES.get(kind, prompt[:40]) if isinstance(kind, str) else prompt[:40]

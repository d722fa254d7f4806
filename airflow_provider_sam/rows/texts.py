"""How a value reads in a prompt: text as it is, nothing for null, everything else as JSON would write it."""

from __future__ import annotations

import math
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


def as_text(value: Any) -> str:
    """Return a value as text: dates in ISO 8601, numbers and truth values as in JSON, lists and structs as JSON.

    :raises TypeError: it has no form as text, such as bytes.
    """
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    raise TypeError(f"a {type(value).__name__} has no form as text")


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=as_text).decode()
    except (ValueError, RecursionError) as problem:
        raise TypeError(f"it cannot be written as JSON: {problem}") from None


# The first that fits: a truth value is an int too, and a datetime a date.
_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (str, lambda value: value),
    (type(None), lambda _: ""),
    (bool, lambda value: "true" if value else "false"),
    ((int, UUID), str),
    (float, lambda value: "" if math.isnan(value) else repr(value)),
    (Decimal, lambda value: format(value, "f")),
    ((date, time), lambda value: value.isoformat()),
    ((list, tuple, dict), _json),
)

"""How a value of a column reads in a prompt: text as it is, nothing for null, everything else as JSON would write it."""

from __future__ import annotations

import math
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec


def as_text(value: Any) -> str:
    """Return a value as text: dates in ISO 8601, numbers and truth values as in JSON, lists and structs as JSON.

    :raises TypeError: it has no form as text, such as bytes.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (list, tuple, dict)):
        return msgspec.json.encode(value, enc_hook=as_text).decode()
    raise TypeError(f"a {type(value).__name__} has no form as text")

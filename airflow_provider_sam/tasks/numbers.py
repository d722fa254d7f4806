"""Numbers among a task's arguments: a template gives them as text, unless the Dag renders native objects."""

from __future__ import annotations

from contextlib import suppress
from operator import index
from typing import Any

from airflow_provider_sam.api.errors import SamRequestError


def whole_number(name: str, value: Any) -> int | None:
    """Return a whole number that may come from a template; None and an empty string mean none.

    :raises SamRequestError: it is anything else, such as 2.7 or True; the message has `name` and value.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    with suppress(TypeError, ValueError):
        if not isinstance(value, bool):
            return int(value) if isinstance(value, str) else index(value)
    raise SamRequestError(f"{name} must be a whole number, got {value!r}")

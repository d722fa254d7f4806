"""Values of a table as Python has them, and back as Arrow has them, with one kind of missing value."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_sam.rows.arrow_types import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

AS_THEY_ARE = frozenset({type(None), str, int, bool, bytes, date, datetime, time, timedelta, UUID, dict, list, tuple})
"""Types of Python values that need no second look."""

MISSING = frozenset({"NAType", "NaTType"})
"""What pandas has in place of a missing value, by the names of its types."""

OF_PANDAS: dict[str, dict[str, Any]] = {"to_pydatetime": {"warn": False}, "to_pytimedelta": {}}
"""How the moments and durations of pandas become those of Python, to the microsecond."""


def plain_values(values: Sequence[Any]) -> list[Any]:
    """Return the values of a column with None for each that stands for a missing one."""
    if AS_THEY_ARE.issuperset(map(type, values)):
        return list(values)
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value
    if isinstance(value, set | frozenset):  # which has another order in every process
        return sorted(value, key=repr)
    if isinstance(value, memoryview | bytearray):  # the binary values of PostgreSQL's client
        return bytes(value)
    for name, arguments in OF_PANDAS.items():
        if hasattr(value, name) and kind.__name__ not in MISSING:
            return getattr(value, name)(**arguments)
    if kind.__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float | Decimal):
        return None if value != value else value  # noqa: PLR0124 - NaN alone is not what it is
    return None if kind.__name__ in MISSING else value


def python_values(array: pa.Array) -> list[Any]:
    """Return the values of an Arrow array; times to the microsecond, which is what Python has."""
    import pyarrow as pa

    kind = array.type
    if (coarse := to_microseconds(kind)) != kind:
        if pa.types.is_dictionary(kind):
            array, coarse = array.dictionary_decode(), coarse.value_type
        array = array.cast(coarse, safe=False)
    values: list[Any] = array.to_pylist()
    if pa.types.is_floating(kind):
        return [None if value != value else value for value in values]  # noqa: PLR0124 - as above
    return values


def arrow_column(values: list[Any]) -> pa.Array:
    """Return an Arrow array of values, of the type that they have in common, or else of their JSON text."""
    import pyarrow as pa

    kinds = set(map(type, values))
    if UUID in kinds:
        values = [str(value) if isinstance(value, UUID) else value for value in values]
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _texts(values)
    # Arrow takes the time away from the moments among dates, and no file holds a struct without fields.
    return _texts(values) if {date, datetime} <= kinds or _has_empty_struct(array.type) else array


def _texts(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else json_text(value) for value in values], pa.string())


def _has_empty_struct(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    return any(_has_empty_struct(kind.field(number).type) for number in range(kind.num_fields))


def json_text(value: Any) -> str:
    """Return a value as JSON; what JSON does not have is written as its text."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate comes out as JSON's own escape

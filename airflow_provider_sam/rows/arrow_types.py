"""Types of Arrow that mean the same to a row: which may stand for each other in two files of one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES = {
    "text": ("is_string", "is_large_string", "is_string_view"),
    "bytes": ("is_binary", "is_large_binary", "is_fixed_size_binary", "is_binary_view"),
    "int": ("is_integer",),
    "float": ("is_floating",),
    "decimal": ("is_decimal",),
    "date": ("is_date",),
    "time": ("is_time",),
    "duration": ("is_duration",),
}
"""Types whose values Python does not tell apart, by the functions of pyarrow that know them; old ones lack some."""


def family(kind: pa.DataType) -> str:
    """Return what the values of a type are to Python; a nested type is alike to itself alone."""
    import pyarrow as pa

    kind = decoded(kind)
    if pa.types.is_timestamp(kind):
        return "moment" if kind.tz else "local time"
    for name, checks in FAMILIES.items():
        if any(getattr(pa.types, check)(kind) for check in checks if hasattr(pa.types, check)):
            return name
    return str(kind)


def decoded(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a dictionary, and any other type as it is."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind

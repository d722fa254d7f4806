"""Types of Arrow: which mean the same to a row, and which are replaced by one that every reader and writer knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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


def without_views(kind: pa.DataType) -> pa.DataType:
    """Return the type in which texts and bytes can be written to any file: the views of polars cannot."""
    return mapped(kind, _without_view)


def _without_view(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return {"string_view": pa.string(), "binary_view": pa.binary()}.get(str(kind), kind)


def cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array with its values as another type has them; older versions of pyarrow cannot convert all by itself.

    :raises pyarrow.ArrowInvalid: the other type cannot hold a value.
    """
    import pyarrow as pa

    if array.type == kind:
        return array
    try:
        return array.cast(kind)
    except pa.ArrowNotImplementedError:
        return pa.array(array.to_pylist(), kind)


def to_microseconds(kind: pa.DataType) -> pa.DataType:
    """Return the type with which no value has more digits of a second than Python can hold."""
    return mapped(kind, _to_microseconds)


def _to_microseconds(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if getattr(kind, "unit", None) != "ns":
        return kind
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")


def mapped(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a type with what `change` makes of the types in it."""
    import pyarrow as pa

    def of_field(field: pa.Field) -> pa.Field:
        return field.with_type(mapped(field.type, change))

    if pa.types.is_list(kind):
        return pa.list_(of_field(kind.value_field))
    if pa.types.is_large_list(kind):
        return pa.large_list(of_field(kind.value_field))
    if pa.types.is_struct(kind):
        return pa.struct([of_field(kind.field(number)) for number in range(kind.num_fields)])
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, mapped(kind.value_type, change), ordered=kind.ordered)
    return change(kind)


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return no rows, with their columns."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)

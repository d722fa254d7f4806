"""The columns of typed answers: Arrow types from their JSON schema, and arrays of validated JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.batches.tables import INT64
from airflow_provider_sam.rows.values import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

NOT_HELD = (ValueError, TypeError, OverflowError, AttributeError)
"""What converting a value raises that its type cannot hold; Arrow's own errors are ValueErrors and TypeErrors."""


@dataclass(frozen=True)
class ColumnType:
    """How the values of one property stand in a table.

    :param arrow: the type of its column.
    :param convert: makes of a validated value what Arrow takes; raises one of `NOT_HELD` where the type cannot hold it.
        None where Arrow takes it as it is.
    """

    arrow: pa.DataType
    convert: Callable[[Any], Any] | None = None

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Return a column of values, None among them.

        :raises ValueError: or another of `NOT_HELD`; one of the values does not fit.
        """
        import pyarrow as pa

        convert = self.convert
        converted = values if convert is None else [None if value is None else convert(value) for value in values]
        if not pa.types.is_dictionary(self.arrow):
            return pa.array(converted, self.arrow)
        plain = pa.array(converted, self.arrow.value_type)
        return plain.dictionary_encode().cast(self.arrow)

    def reason_against(self, value: Any) -> str | None:
        """Say why the column cannot hold a value; None where it can."""
        try:
            self.array([value])
        except NOT_HELD as problem:
            return f"{json_text(value)[:80]} is no {self.arrow}: {problem}"
        return None


def column_type(schema: Any) -> ColumnType:
    """Return how values of a JSON schema stand in a table.

    Strings, whole numbers, numbers, truth values, enums of strings, dates and moments, lists and objects of these have
    types of their own; whatever else there is, is JSON text. Null is no type: every column may hold it.
    """
    import pyarrow as pa

    kind = _type_of(schema)
    if pa.types.is_string(kind.arrow) and _strings_of(_without_null(schema)) is not None:
        return ColumnType(pa.dictionary(pa.int32(), pa.string()))
    return kind


def _type_of(schema: Any) -> ColumnType:
    import pyarrow as pa

    schema = _without_null(schema)
    kind = "string" if _strings_of(schema) is not None else schema.get("type")
    if kind == "array" and isinstance(schema.get("items"), Mapping) and "prefixItems" not in schema:
        return _list_type(schema["items"])
    if kind == "object" and schema.get("properties") and not isinstance(schema.get("additionalProperties"), Mapping):
        return _struct_type(schema["properties"])
    scalars: dict[tuple[Any, Any], ColumnType] = {
        ("string", "date"): ColumnType(pa.date32(), date.fromisoformat),
        ("string", "date-time"): ColumnType(pa.timestamp("us", "UTC"), _moment),
        ("string", None): ColumnType(pa.string()),
        ("boolean", None): ColumnType(pa.bool_()),
        ("integer", None): ColumnType(pa.int64(), _whole),
        ("number", None): ColumnType(pa.float64(), float),
    }
    return scalars.get((kind, schema.get("format"))) or scalars.get((kind, None)) or ColumnType(pa.string(), json_text)


def _list_type(items: Any) -> ColumnType:
    import pyarrow as pa

    item = _type_of(items)
    if item.convert is None:
        return ColumnType(pa.list_(item.arrow))
    return ColumnType(pa.list_(item.arrow), lambda values: [_converted(item, value) for value in values])


def _struct_type(properties: Mapping[str, Any]) -> ColumnType:
    import pyarrow as pa

    fields = {name: _type_of(schema) for name, schema in properties.items()}
    struct = pa.struct([(name, field.arrow) for name, field in fields.items()])
    if all(field.convert is None for field in fields.values()):
        return ColumnType(struct)
    return ColumnType(
        struct,
        lambda value: {name: _converted(field, value.get(name)) for name, field in fields.items()},
    )


def _converted(kind: ColumnType, value: Any) -> Any:
    return value if value is None or kind.convert is None else kind.convert(value)


def _without_null(schema: Any) -> Mapping[str, Any]:
    """Return what a schema says beside null; an empty one where that is not one type."""
    if not isinstance(schema, Mapping):
        return {}
    for word in ("anyOf", "oneOf"):
        if (choices := schema.get(word)) is not None:
            others = [choice for choice in choices if choice != {"type": "null"}]
            return _without_null(others[0]) if len(others) == 1 else _all_strings(others)
    if isinstance(parts := schema.get("allOf"), Sequence):
        return _without_null(parts[0]) if len(parts) == 1 else {}
    if isinstance(kinds := schema.get("type"), Sequence) and not isinstance(kinds, str):
        others = [kind for kind in kinds if kind != "null"]
        return {**schema, "type": others[0]} if len(others) == 1 else {}
    return schema


def _all_strings(choices: Sequence[Any]) -> Mapping[str, Any]:
    """Return one enum for several choices of strings, such as constants; an empty schema for anything else."""
    found = [_strings_of(choice) if isinstance(choice, Mapping) else None for choice in choices]
    strings = [string for each in found if each is not None for string in each]
    return {"enum": strings} if choices and None not in found else {}


def _strings_of(schema: Mapping[str, Any]) -> list[str] | None:
    """Return the strings that a schema lists; None where it lists none, or something else too."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return None
    strings = [value for value in listed if value is not None]
    return strings if strings and all(isinstance(value, str) for value in strings) else None


def _whole(value: Any) -> int:
    number = int(value)
    if number != value or number not in INT64:
        raise ValueError("it does not fit into 64 bits" if number == value else "it is not whole")
    return number


def _moment(text: str) -> datetime:
    """Read a moment; one without an offset is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

"""What an answer is: a type that the request asks for, and that each answer is held against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.tables import ANSWER_TOOL
from airflow_provider_sam.rows.requests.json_schema import as_object, columns_of, is_plain_object, shortest_reason
from airflow_provider_sam.rows.requests.template import encode

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

WRAPPED = "answer"
"""The property, and so the column, of an answer that is no object."""

LONGEST_REASON = 500
"""Characters that are kept of what is wrong with an answer."""

MOST_REASONS = 3

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


class InvalidOutputError(ValueError):
    """An answer that is not of its type.

    :param reason: what is wrong with it, in one line.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutputType:
    """A type of answers; `of` makes one from what the user gave.

    :param schema: JSON Schema of an object.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self.columns = columns_of(schema)
        """The properties of an answer, each with its schema; references are resolved."""
        self.is_wrapped = False
        """Whether the type is none of an object, so that an answer holds it under the property `WRAPPED`."""

    @staticmethod
    def of(value: Any) -> OutputType:
        """Return the type of answers for a pydantic model, dataclass, TypedDict, any other type, or a JSON schema.

        :raises SamRequestError: it is none of these, or JSON Schema cannot say it.
        """
        if isinstance(value, OutputType):
            return value
        return _Described(value) if isinstance(value, Mapping) else _Typed(value)

    def direct(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request's parameters that ask for this type.

        The model is made to call a tool whose input is the answer. Where tools or thinking are in use already, which
        rules that out, the schema goes into the system prompt.
        """
        thinking = params.get("thinking") or {}
        if not params.get("tools") and thinking.get("type", "disabled") == "disabled":
            tool = {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": self.schema}
            choice = {"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": True}
            return {**params, "tools": [tool], "tool_choice": choice}
        told = (
            "End with an answer that is JSON and conforms to this JSON Schema, with no other text around it:\n"
            f"{encode(self.schema, what='output_type').decode()}"
        )
        return {**params, "system": _with_text(params.get("system"), told)}

    def read(self, answer: str | bytes) -> dict[str, Any]:
        """Return the values of an answer by column, as plain JSON data.

        :param answer: its JSON, perhaps in a fenced block.
        :raises InvalidOutputError: it is no JSON, or not of this type.
        """
        text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
        if (fenced := _FENCED.fullmatch(text)) is not None:
            text = fenced[1]
        return self._read(text)

    def value(self, answer: str | bytes) -> Any:
        """Return the answer itself, as plain JSON data: an object as it is, and what is none unwrapped.

        :raises InvalidOutputError: as for `read`.
        """
        values = self.read(answer)
        return values[WRAPPED] if self.is_wrapped else values

    def _read(self, text: str) -> dict[str, Any]:
        raise NotImplementedError


class _Typed(OutputType):
    """A type that pydantic knows."""

    def __init__(self, kind: Any) -> None:
        from pydantic import TypeAdapter, create_model
        from pydantic.errors import PydanticUserError

        if isinstance(kind, FunctionType):
            raise SamRequestError("output_type is a function; give a type, or a JSON schema as a dictionary")
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(kind)
            schema = as_object(_schema_of(adapter))
            is_wrapped = not is_plain_object(schema)
            if is_wrapped:
                fields: dict[str, Any] = {WRAPPED: (kind, ...)}
                adapter = TypeAdapter(create_model("Answer", **fields))
                schema = as_object(_schema_of(adapter))
        except (PydanticUserError, TypeError, RecursionError) as problem:
            first = str(problem).partition("\n")[0]
            raise SamRequestError(f"output_type {_name_of(kind)} has no JSON schema: {first}") from None
        self._adapter = adapter
        super().__init__(schema)
        self.is_wrapped = is_wrapped

    def _read(self, text: str) -> dict[str, Any]:
        from pydantic import ValidationError

        try:
            value = self._adapter.validate_json(text)
        except ValidationError as problem:
            raise InvalidOutputError(_reason(problem)) from None
        except ValueError as problem:  # a validator of the user's that breaks otherwise
            raise InvalidOutputError(str(problem)[:LONGEST_REASON]) from None
        found: dict[str, Any] = self._adapter.dump_python(value, mode="json", by_alias=True)
        return found


class _Described(OutputType):
    """A JSON schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import FormatChecker
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for

        kind = validator_for(schema)
        try:
            kind.check_schema(schema)
        except SchemaError as problem:
            raise SamRequestError(f"output_type is no JSON schema: {problem.message}") from None
        whole = as_object(dict(schema))
        is_wrapped = not is_plain_object(whole)
        if is_wrapped:
            definitions: dict[str, Any] = {name: whole.pop(name) for name in ("$defs", "definitions") if name in whole}
            whole = {"type": "object", "properties": {WRAPPED: whole}, "required": [WRAPPED], **definitions}
        self._validator = kind(whole, format_checker=FormatChecker())
        super().__init__(whole)
        self.is_wrapped = is_wrapped

    def _read(self, text: str) -> dict[str, Any]:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise InvalidOutputError(f"no JSON: {problem}") from None
        problems = [*self._validator.iter_errors(value)]
        if problems:
            raise InvalidOutputError(shortest_reason(problems)[:LONGEST_REASON])
        found: dict[str, Any] = value
        return found


def _schema_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    from pydantic.json_schema import GenerateJsonSchema

    class WithoutTitles(GenerateJsonSchema):
        def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - titles are names again, and cost tokens
            return False

    return adapter.json_schema(schema_generator=WithoutTitles)


def _reason(problem: ValidationError) -> str:
    """Return what is wrong, without the value: it stands beside it."""
    errors = problem.errors(include_url=False, include_context=False, include_input=False)
    shown = [": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"]])) for each in errors[:MOST_REASONS]]
    more = len(errors) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)[:LONGEST_REASON]


def _with_text(system: Any, text: str) -> Any:
    if not system:
        return text
    if isinstance(system, str):
        return f"{system}\n\n{text}"
    return [*system, {"type": "text", "text": text}]


def _name_of(kind: Any) -> str:
    return getattr(kind, "__name__", None) or repr(kind)[:80]

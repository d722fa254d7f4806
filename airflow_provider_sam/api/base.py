"""What all models of answers share: unknown fields are kept, and unknown types are never taken for known ones."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ApiObject",
    "UnknownType",
]

UNKNOWN = "unknown"
"""The tag of the class that takes every type we do not know; no type of the API selects a class by this name."""

PROBLEMS_SHOWN = 3

_HALF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
"""What half of a surrogate pair looks like, which a model may well write and pydantic's own reader refuses."""


class ApiObject(BaseModel):
    """An object of the API. ``model_dump(mode="json", exclude_unset=True)`` writes back what was read."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the object from its JSON.

        :raises ValueError: it is no JSON or has another shape; the text names the places, never their contents.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            if _HALF_A_PAIR.search(data):
                return cls.made_of(loads(data))
            raise ValueError(f"not a {cls.__name__}, {places(error)}") from None

    @classmethod
    def made_of(cls, fields: Mapping[str, Any]) -> Self:
        """Make the object from its fields.

        :raises ValueError: as `read`.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ValueError(f"not a {cls.__name__}, {places(error)}") from None


def loads(data: bytes) -> Any:
    """Read JSON whose texts may hold half of a surrogate pair.

    :raises ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def places(error: ValidationError) -> str:
    """Say what is wrong where, without the contents, which may be anybody's text."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'whole'}: {problem['msg']}" for problem in problems[:PROBLEMS_SHOWN]
    )
    more = len(problems) - PROBLEMS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


class UnknownType(ApiObject):
    """An object whose `type` is newer than we are: all its fields are kept, as attributes too."""

    type: str = ""


def by_type(*known: str) -> Discriminator:
    """Choose the member of a union by its `type`: one of `known`, else the member tagged `UNKNOWN`.

    The members of the union carry their type, or `UNKNOWN`, as a pydantic `Tag`.
    """

    def tag(value: Any) -> str:
        found = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
        return found if isinstance(found, str) and found in known else UNKNOWN

    return Discriminator(tag)

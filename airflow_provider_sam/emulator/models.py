"""The models that the emulator offers; unless it is strict, any other name is answered, too, but is not listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model: its id, the shorter names that lead to it, its name for people, and when it came out (RFC 3339)."""

    id: str
    aliases: tuple[str, ...]
    display_name: str
    created_at: str

    def answer(self) -> dict[str, Any]:
        """Write the contract's ``Model``."""
        return {"type": "model", "id": self.id, "display_name": self.display_name, "created_at": self.created_at}


DEFAULT_MODELS = (
    OfferedModel("sam-large-20250514", ("sam-large",), "Sam Large", "2025-05-14T00:00:00Z"),
    OfferedModel("sam-medium-20250514", ("sam-medium",), "Sam Medium", "2025-05-14T00:00:00Z"),
    OfferedModel("sam-small-20241022", ("sam-small",), "Sam Small", "2024-10-22T00:00:00Z"),
)
"""Newest first, as the API lists them."""


def by_name(models: tuple[OfferedModel, ...]) -> Mapping[str, OfferedModel]:
    """Map ids and aliases to models."""
    return {name: model for model in models for name in (model.id, *model.aliases)}

"""Batches that exist but do not show yet: what a client meets when its own create is not everywhere at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sam.emulator.clock import Clock


@dataclass(slots=True)
class _Hidden:
    looks: int
    until: datetime


class Visibility:
    """Which batches are hidden, and for how long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hidden: dict[str, _Hidden] = {}

    def hide(self, batch_id: str, *, looks: int = 0, seconds: float = 0.0) -> None:
        """Hide a batch until it was looked for ``looks`` times and ``seconds`` have passed."""
        self._hidden[batch_id] = _Hidden(looks, self._clock() + timedelta(seconds=seconds))

    def is_hidden(self, batch_id: str) -> bool:
        """Return whether a batch does not show."""
        hidden = self._hidden.get(batch_id)
        return hidden is not None and (hidden.looks > 0 or self._clock() < hidden.until)

    def hides(self, batch_id: str) -> bool:
        """Return whether a batch does not show, and count this as one look for it."""
        is_hidden = self.is_hidden(batch_id)
        if is_hidden:
            self._hidden[batch_id].looks -= 1
        return is_hidden

    def clear(self) -> None:
        """Hide nothing any more."""
        self._hidden.clear()

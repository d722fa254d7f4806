"""The emulator's time: aware, in UTC, and never running backwards.

A clock is any function that returns an aware datetime in UTC; a test hands in its own to move a day in no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def steady_clock() -> Clock:
    """Return a clock that reads the wall once and counts on by the monotonic clock, so no adjustment moves it back."""
    started = datetime.now(tz=UTC)
    origin = time.monotonic()
    return lambda: started + timedelta(seconds=time.monotonic() - origin)


def rfc3339(moment: datetime | None) -> str | None:
    """Write a moment as the API does: UTC with ``Z`` and microseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

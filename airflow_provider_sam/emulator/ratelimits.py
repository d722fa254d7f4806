"""The rate-limit headers on each answer, and the limit itself where one is set.

Requests are counted in windows of a minute, for the batch routes apart from the others, as the API does. Without a
limit set, the headers tell of a generous one that is never enforced.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

from airflow_provider_sam.emulator.clock import Clock, rfc3339
from airflow_provider_sam.emulator.errors import ApiError

WINDOW = timedelta(minutes=1)

_TOLD_REQUESTS = 4_000
_TOLD_TOKENS = {"input-tokens": 400_000, "output-tokens": 80_000, "tokens": 480_000}


class RateLimits:
    """Counts requests by the minute.

    :param requests_per_minute: of each group of routes; None enforces nothing
    """

    def __init__(self, clock: Clock, requests_per_minute: int | None = None) -> None:
        self.requests_per_minute = requests_per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._window: datetime | None = None
        self._used: Counter[str] = Counter()

    def take(self, operation: str) -> dict[str, str]:
        """Count one request and return the headers of its answer.

        :raises ApiError: 429 with ``retry-after`` when the window's requests are used up
        """
        group = "batches" if operation.startswith("messages_batches") else "others"
        with self._lock:
            now = self._clock()
            reset = self._begin(now) + WINDOW
            self._used[group] += 1
            remaining = (self.requests_per_minute or _TOLD_REQUESTS) - self._used[group]
        headers = self._headers(max(0, remaining), reset)
        if self.requests_per_minute is not None and remaining < 0:
            headers["retry-after"] = str(max(1, math.ceil((reset - now).total_seconds())))
            raise ApiError(429, "This request would exceed the rate limit of requests a minute.", headers=headers)
        return headers

    def clear(self) -> None:
        """Begin a new window."""
        with self._lock:
            self._window = None

    def _begin(self, now: datetime) -> datetime:
        if self._window is None or now >= self._window + WINDOW:
            self._window = now
            self._used.clear()
        return self._window

    def _headers(self, remaining: int, reset: datetime) -> dict[str, str]:
        until = rfc3339(reset.astimezone(UTC).replace(microsecond=0)) or ""
        limits = {"requests": (self.requests_per_minute or _TOLD_REQUESTS, remaining)}
        limits |= {name: (limit, limit) for name, limit in _TOLD_TOKENS.items()}
        told = {f"{name}-limit": str(limit) for name, (limit, _) in limits.items()}
        told |= {f"{name}-remaining": str(left) for name, (_, left) in limits.items()}
        told |= {f"{name}-reset": until for name in limits}
        return {f"anthropic-ratelimit-{name}": value for name, value in told.items()}

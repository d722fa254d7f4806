"""How much the API takes: the contract's numbers, each in this one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused as too much; a test may set smaller limits to meet them with little.

    :param batch_requests: requests in a batch
    :param batch_bytes: bytes in the body that creates a batch
    :param body_bytes: bytes in any other body
    :param requests_per_minute: of the batch routes, and of all others; None for no limit
    """

    batch_requests: int = 100_000
    batch_bytes: int = 256_000_000
    body_bytes: int = 32_000_000
    requests_per_minute: int | None = None

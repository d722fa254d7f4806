"""What the emulator was asked: one record a request, in the order of arrival, without the key."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

KEPT_BODY = 64 * 1024
"""Bytes of a request's body that are kept; what goes beyond is counted only."""

_SECRET_HEADERS = frozenset({"x-api-key", "authorization", "proxy-authorization", "cookie"})


@dataclass(slots=True)
class RequestRecord:
    """One request as it came in, and how it was answered.

    :param operation: the ``operationId`` of the contract; None for a route the contract does not have
    :param query: the last value of each query parameter
    :param headers: by lower-case name, without those that carry secrets
    :param has_key: whether any header that carries a secret was sent
    :param request_id: the ``request-id`` of the answer
    :param when: seconds on the monotonic clock at arrival
    :param body_bytes: bytes of the body that were read
    :param body: the first bytes of it, at most :data:`KEPT_BODY`
    :param status: of the answer; None as long as, or if, there is none
    :param answer_bytes: bytes of the answer's body that were sent
    :param faults: the types of the faults it met
    """

    operation: str | None
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    has_key: bool
    request_id: str
    when: float = field(default_factory=time.monotonic)
    body_bytes: int = 0
    body: bytes = b""
    status: int | None = None
    answer_bytes: int = 0
    faults: tuple[str, ...] = ()

    def read(self, piece: bytes) -> None:
        """Take note of a piece of the body."""
        self.body_bytes += len(piece)
        if len(self.body) < KEPT_BODY:
            self.body += piece[: KEPT_BODY - len(self.body)]


def record_of(scope: Scope, operation: str | None, request_id: str) -> RequestRecord:
    """Make the record of a request that has just arrived.

    :param scope: as ASGI describes it
    """
    named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return RequestRecord(
        operation=operation,
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers={name: value for name, value in named.items() if name not in _SECRET_HEADERS},
        has_key=not _SECRET_HEADERS.isdisjoint(named),
        request_id=request_id,
    )


class RequestLog:
    """All requests since the start or the last reset; those to the control routes are not among them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []

    def add(self, record: RequestRecord) -> None:
        """Add a request; its record is filled in while it is answered."""
        with self._lock:
            self._records.append(record)

    def all(self) -> tuple[RequestRecord, ...]:
        """Return all records, oldest first."""
        with self._lock:
            return tuple(self._records)

    def counts(self) -> Counter[str]:
        """Count the requests by operation; a Counter says 0 for one that was never asked."""
        return Counter(record.operation for record in self.all() if record.operation is not None)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()

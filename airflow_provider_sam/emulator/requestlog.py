"""What the emulator was asked: one record a request, in the order of arrival, without the key."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

KEPT_BODY = 64 * 1024
"""Bytes of a request's body that are kept; what goes beyond is counted only."""

KEPT_RECORDS = 64_000_000
"""Bytes that the records may take together; then the oldest are only counted any more."""

_RECORD = 1500  # bytes, about, of a record without headers and body
_SHRINK_EVERY = 64  # requests; measuring them all for each one would be slow

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

    @property
    def size(self) -> int:
        """About the bytes of memory that this takes."""
        texts = (self.path, *self.query, *self.query.values(), *self.headers, *self.headers.values())
        return _RECORD + len(self.body) + sum(map(len, texts))

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
    """The requests since the start or the last reset; those to the control routes are not among them.

    :param kept: bytes that the records may take, give or take those of :data:`_SHRINK_EVERY` requests
    """

    def __init__(self, kept: int = KEPT_RECORDS) -> None:
        self._lock = threading.Lock()
        self._kept = kept
        self._records: deque[RequestRecord] = deque()
        self._added = 0
        self._forgotten: Counter[tuple[str | None, int | None]] = Counter()

    def add(self, record: RequestRecord) -> None:
        """Add a request; its record is filled in while it is answered."""
        with self._lock:
            self._records.append(record)
            self._added += 1
            if self._added % _SHRINK_EVERY == 0:
                self._shrink()

    def _shrink(self) -> None:
        """Forget the oldest; their records grow while they are answered, so the sizes are taken anew."""
        excess = sum(record.size for record in self._records) - self._kept
        while excess > 0:
            record = self._records.popleft()
            self._forgotten[record.operation, record.status] += 1
            excess -= record.size

    def all(self) -> tuple[RequestRecord, ...]:
        """Return the records that are kept, oldest first."""
        with self._lock:
            return tuple(self._records)

    def counts(self) -> Counter[str]:
        """Count the requests by operation; a Counter says 0 for one that was never asked."""
        counted: Counter[str] = Counter()
        for (operation, _), number in self._tally().items():
            if operation is not None:
                counted[operation] += number
        return counted

    def count(self, operation: str, status: int | None = None) -> int:
        """Count the requests of one operation, all or those that were answered so."""
        return sum(
            number
            for (asked, answered), number in self._tally().items()
            if asked == operation and status in {None, answered}
        )

    def _tally(self) -> Counter[tuple[str | None, int | None]]:
        with self._lock:
            return self._forgotten + Counter((record.operation, record.status) for record in self._records)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()
            self._forgotten.clear()

"""Validated requests lie in a local temporary file as the very bytes of their batches, so that size does not matter.

The whole input is read and checked before the first byte is sent, and a batch's body can be sent from its start again.
The file has no name: whatever happens to its process, nothing of it stays on the disk.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Self

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.requests import Problems, RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any

    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.batches.requests import Entry, PreparedRequest

PREFIX, SEPARATOR, SUFFIX = b'{"requests":[\n', b",\n", b"\n]}"
"""Around the requests; each stands on a line of its own, for whoever has to read a body."""

READ_BYTES = 1 << 18
WRITE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The body of one batch: iterating gives its bytes, the same every time it begins.

    :param content_length: bytes of the body, exactly.
    :param first: the place of its first request in the whole input, from 0.
    :param requests: how many there are.
    :param fingerprint: SHA-256 of the body, in hexadecimal.
    """

    content_length: int
    first: int
    requests: int
    fingerprint: str
    _descriptor: int = field(repr=False)
    _offset: int = field(repr=False)
    _places: Mapping[str, int] = field(repr=False)

    def __iter__(self) -> Iterator[bytes]:
        position, end = self._offset, self._offset + self.content_length
        while position < end:
            chunk = os.pread(self._descriptor, min(READ_BYTES, end - position), position)
            if not chunk:
                raise SamRequestError("the temporary file that holds the requests was cut short by somebody else")
            position += len(chunk)
            yield chunk

    def holds(self, custom_id: str) -> bool:
        """Tell whether a request of this batch is called so."""
        return self.first <= self._places.get(custom_id, -1) < self.first + self.requests


class Spool:
    """Reads an input, checks it and lays it down in shards within the limits; use it as a context manager.

    :param limits: the service's limits.
    :param defaults: parameters for the requests that lack them.
    :param observe: called with every request as it is sent, such as to sample some.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        defaults: Mapping[str, Any] | None = None,
        observe: Callable[[PreparedRequest], None] | None = None,
    ) -> None:
        self._limits = limits
        self._reader = RequestReader(limits, defaults)
        self._observe = observe
        self._file = tempfile.TemporaryFile(prefix="sam-requests-", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, int] = {}
        self._problems = Problems()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def lay(self, entries: Iterable[Entry]) -> list[Shard]:
        """Lay all requests down and give the batches they make, in the order of the input; none for an empty input.

        :raises SamRequestError: requests are not what the API takes; the first few are named, the rest is counted.
        """
        shards: list[Shard] = []
        draft = _Draft(self._file, first=0, offset=0)
        total = 0
        for total, entry in enumerate(entries, 1):
            request = self._checked(entry, total)
            if request is None:
                continue
            if not draft.has_room(len(request.data), self._limits):
                shards.append(draft.finish(self._places))
                draft = _Draft(self._file, first=draft.first + draft.requests, offset=draft.offset + draft.size)
            draft.add(request.data)
        self._problems.raise_any(total)
        if draft.requests:
            shards.append(draft.finish(self._places))
        return shards

    def _checked(self, entry: Entry, number: int) -> PreparedRequest | None:
        """Read one request; None where anything in the input is wrong, so that nothing will be sent."""
        try:
            request = self._reader.read(entry, number)
        except SamRequestError as problem:
            self._problems.add(problem)
            return None
        if (earlier := self._places.setdefault(request.custom_id, number - 1)) != number - 1:
            self._problems.add(f"{_name(entry, request)}: request {earlier + 1} of the input is called so too")
        if _Draft.least(len(request.data)) > self._limits.max_batch_bytes:
            self._problems.add(f"{_name(entry, request)}: {len(request.data)} bytes, more than a batch may have")
        if self._problems.count:
            return None
        if self._observe is not None:
            self._observe(request)
        return request


def _name(entry: Entry, request: PreparedRequest) -> str:
    return f"{entry.where()} (custom_id {request.custom_id!r})"


class _Draft:
    """A shard while it grows; what is added is gathered, then hashed and written in large pieces."""

    def __init__(self, file: IO[bytes], *, first: int, offset: int) -> None:
        self.first = first
        self.offset = offset
        self.requests = 0
        self.size = 0
        self._file = file
        self._digest = hashlib.sha256()
        self._gathered: list[bytes] = []
        self._flushed = 0

    @staticmethod
    def least(length: int) -> int:
        """Give the bytes of a batch that holds nothing but a request of `length` bytes."""
        return len(PREFIX) + length + len(SUFFIX)

    def has_room(self, length: int, limits: Limits) -> bool:
        grown = self.size + len(SEPARATOR) + length + len(SUFFIX)
        return not self.requests or (self.requests < limits.max_batch_requests and grown <= limits.max_batch_bytes)

    def add(self, data: bytes) -> None:
        self._gather(SEPARATOR if self.requests else PREFIX, data)
        self.requests += 1
        if self.size - self._flushed >= WRITE_BYTES:
            self._flush()

    def finish(self, places: Mapping[str, int]) -> Shard:
        self._gather(SUFFIX)
        self._flush()
        return Shard(
            content_length=self.size,
            first=self.first,
            requests=self.requests,
            fingerprint=self._digest.hexdigest(),
            _descriptor=self._file.fileno(),
            _offset=self.offset,
            _places=places,
        )

    def _gather(self, *pieces: bytes) -> None:
        self._gathered += pieces
        self.size += sum(map(len, pieces))

    def _flush(self) -> None:
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._digest.update(data)
        self._flushed += len(data)
        while data:  # an unbuffered file may take less than all at once
            data = data[self._file.write(data) :]

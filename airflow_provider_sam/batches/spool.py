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
from airflow_provider_sam.batches.requests import SEPARATOR, Block, Problems, RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any

    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.batches.requests import Entry, PreparedRequest

PREFIX, SUFFIX = b'{"requests":[\n', b"\n]}"
"""Around the requests of a body."""

READ_BYTES = 1 << 18
WRITE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The body of one batch: iterating gives its bytes, the same every time it begins.

    :param content_length: bytes of the body, exactly.
    :param first: the place of its first request among all that are laid down, from 0.
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
    :param only: the custom_ids of the requests that are laid down, among all that are read and checked; None for all.
    :param observe: called with every request as it is sent, such as to sample some.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        defaults: Mapping[str, Any] | None = None,
        only: Container[str] | None = None,
        observe: Callable[[PreparedRequest], None] | None = None,
    ) -> None:
        self._limits = limits
        self._reader = RequestReader(limits, defaults)
        self._only = only
        self._observe = observe
        self._file = tempfile.TemporaryFile(prefix="sam-requests-", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, int] = {}
        self._laid = self._places if only is None else {}
        self._problems = Problems()
        self._total = 0
        self._shards: list[Shard] = []
        self._draft = _Draft(self._file, first=0, offset=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def lay(self, parts: Iterable[Entry | Block]) -> list[Shard]:
        """Lay all requests down and give the batches they make, in the order of the input; none for an empty input.

        :param parts: requests one by one, or blocks of lines.
        :raises SamRequestError: requests are not what the API takes; the first few are named, the rest is counted.
        """
        for part in parts:
            if isinstance(part, Block):
                if not self._take_unchanged(part):
                    for entry in part.entries():
                        self._take(entry)
            else:
                self._take(part)
        self._problems.raise_any(self._total)
        if self._draft.requests:
            self._finish_shard()
        return self._shards

    def _take_unchanged(self, block: Block) -> bool:
        """Take a block at once, if nothing in it needs a look of its own."""
        if self._only is not None or self._observe is not None or self._problems.count:
            return False
        prepared = self._reader.read_unchanged(block)
        if prepared is None:
            return False
        names, first = prepared.custom_ids, self._total
        fits = self._draft.has_room(len(prepared.data), self._limits, requests=len(names))
        if not fits or len(set(names)) < len(names) or not self._places.keys().isdisjoint(names):
            return False
        self._total += len(names)
        self._places.update(zip(names, range(first, self._total), strict=True))
        self._draft.add(prepared.data, requests=len(names))
        return True

    def _take(self, entry: Entry) -> None:
        self._total += 1
        request = self._checked(entry)
        if request is None:
            return
        if self._draft.requests and not self._draft.has_room(len(request.data), self._limits):
            self._finish_shard()
        self._draft.add(request.data)

    def _finish_shard(self) -> None:
        draft = self._draft
        self._shards.append(draft.finish(self._laid))
        self._draft = _Draft(self._file, first=draft.first + draft.requests, offset=draft.offset + draft.size)

    def _checked(self, entry: Entry) -> PreparedRequest | None:
        """Read one request; None where it is left out, or anything in the input is wrong, so that nothing is sent."""
        index = self._total - 1
        try:
            request = self._reader.read(entry, self._total)
        except SamRequestError as problem:
            self._problems.add(problem)
            return None
        if (earlier := self._places.setdefault(request.custom_id, index)) != index:
            self._problems.add(f"{_name(entry, request)}: {_nth(earlier, entry)} is called so too")
        if _Draft.least(len(request.data)) > self._limits.max_batch_bytes:
            self._problems.add(f"{_name(entry, request)}: {len(request.data)} bytes, more than a batch may have")
        if self._problems.count:
            return None
        if self._only is not None:
            if request.custom_id not in self._only:
                return None
            self._laid[request.custom_id] = len(self._laid)
        if self._observe is not None:
            self._observe(request)
        return request


def _name(entry: Entry, request: PreparedRequest) -> str:
    return f"{entry.where()} (custom_id {request.custom_id!r})"


def _nth(index: int, like: Entry) -> str:
    """Name a request by its place in the whole input, from 0; counted as in the source that `like` comes from."""
    is_list = like.place[0] is None
    return f"requests[{index}]" if is_list else f"request {index + 1} of the input"


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

    def has_room(self, length: int, limits: Limits, *, requests: int = 1) -> bool:
        grown = self.size + len(SEPARATOR if self.requests else PREFIX) + length + len(SUFFIX)
        return self.requests + requests <= limits.max_batch_requests and grown <= limits.max_batch_bytes

    def add(self, data: bytes, *, requests: int = 1) -> None:
        self._gather(SEPARATOR if self.requests else PREFIX, data)
        self.requests += requests
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

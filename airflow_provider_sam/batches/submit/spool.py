"""Validated requests lie in a local temporary file as the bytes that are sent, so that size does not matter.

The whole input is read and checked before the first byte is sent, and a batch's body can be sent from its start again.
The custom_ids lie in a file of their own, and memory grows by about 50 bytes a request. The files have no names:
whatever happens to their process, nothing of them stays on the disk.
"""

from __future__ import annotations

import tempfile
from array import array
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Self

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.submit.generated_ids import generated_names
from airflow_provider_sam.batches.submit.names import Names, Places
from airflow_provider_sam.batches.submit.problems import Problems
from airflow_provider_sam.batches.submit.requests import SEPARATOR, Entry, PreparedBlock, RequestReader
from airflow_provider_sam.batches.submit.shards import DIGEST_BYTES, digest_of, sum_of
from airflow_provider_sam.batches.submit.written import AROUND, GROWTH, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.batches.submit.requests import Block, Part, PreparedRequest

WRITE_BYTES = 1 << 20


class Spool:
    """Reads an input, checks it and writes it down; use it as a context manager.

    :param limits: the service's limits.
    :param defaults: parameters for the requests that lack them.
    :param model: the connection's, for requests that get none from `defaults` either.
    :param only: the custom_ids of the requests that are written, among all that are read and checked; None for all.
    :param observe: called with every request as it is sent, such as to sample some.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        defaults: Mapping[str, Any] | None = None,
        model: str | None = None,
        only: Collection[str] | None = None,
        observe: Callable[[PreparedRequest], None] | None = None,
    ) -> None:
        self._limits = limits
        self._reader = RequestReader(defaults, model=model, names=generated_names(only or ()))
        self._only = only
        self._observe = observe
        self._file = tempfile.TemporaryFile(prefix="sam-requests-", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._names = Names()
        self._laid = self._names if only is None else Names()
        self._places = Places()
        self._problems = Problems()
        self._total = 0
        self._draft = _Draft(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._names.close()
        self._laid.close()

    @property
    def without_model(self) -> int:
        """How many requests have got the connection's model, of all that were read."""
        return self._reader.without_model

    def write(self, parts: Iterable[Part]) -> Written:
        """Lay all requests down, in the order of the input.

        :param parts: requests one by one, or blocks of lines; those that are prepared are not read again.
        :raises SamRequestError: requests are not what the API takes; the first few are named, the rest is counted.
        """
        for part in parts:
            if isinstance(part, Entry):
                self._take(part)
            elif not self._take_unchanged(part):
                for entry in part.entries():
                    self._take(entry)
        self._find_repeated()
        self._problems.raise_any(self._total)
        return self._draft.finish(self._laid, self._limits)

    def _take_unchanged(self, block: Block | PreparedBlock) -> bool:
        """Take a block at once, if nothing in it needs a look of its own."""
        if self._only is not None or self._observe is not None or self._problems.count:
            return False
        prepared = block if isinstance(block, PreparedBlock) else self._reader.read_unchanged(block)
        if prepared is None or AROUND + sum(map(len, prepared.lines)) > self._limits.max_batch_bytes:
            return False
        self._places.add(self._total, block.name, block.number)
        self._total += len(prepared.custom_ids)
        self._names.add_all(prepared.custom_ids)
        self._draft.add_all(prepared.lines)
        return True

    def _take(self, entry: Entry) -> None:
        self._places.add(self._total, *entry.place)
        self._total += 1
        request = self._checked(entry)
        self._names.add("" if request is None or request.generated else request.custom_id)
        if request is not None and not self._problems.count and self._is_laid(request):
            if self._observe is not None:
                self._observe(request)
            self._draft.add(request)

    def _checked(self, entry: Entry) -> PreparedRequest | None:
        """Read one request; None where it cannot be read."""
        index = self._total - 1
        try:
            request = self._reader.read(entry, self._total)
        except SamRequestError as problem:
            self._problems.add(problem, index)
            return None
        size = AROUND + len(request.data) + len(SEPARATOR) + GROWTH * request.generated
        if size > self._limits.max_batch_bytes:
            self._problems.add(
                f"{_name(entry, request)}: a batch of this request alone would have {size} bytes; max_batch_bytes is "
                f"{self._limits.max_batch_bytes}",
                index,
            )
        return request

    def _is_laid(self, request: PreparedRequest) -> bool:
        """Return whether a request is one of `only`."""
        if self._only is None:
            return True
        if request.generated or request.custom_id not in self._only:
            return False
        self._laid.add(request.custom_id)
        return True

    def _find_repeated(self) -> None:
        for index, custom_id, earlier in self._names.repeated():
            here, there = (Entry(self._places.of(each), b"") for each in (index, earlier))
            is_list = here.place[0] is None
            first = there.where() if is_list else f"request {earlier + 1} of the input"
            self._problems.add(f"{here.where()} (custom_id {custom_id!r}): {first} has the same custom_id", index)


def _name(entry: Entry, request: PreparedRequest) -> str:
    return entry.where() if request.generated else f"{entry.where()} (custom_id {request.custom_id!r})"


class _Draft:
    """What is written, while it grows; requests are gathered, then written in large pieces."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._starts = array("Q", [0])
        self._digests = bytearray()
        self._generated = bytearray()
        self._contents = 0
        self._has_braces = False
        self._gathered: list[bytes] = []
        self._written = 0

    def add(self, request: PreparedRequest) -> None:
        """Lay one request down."""
        digest = digest_of(request.data)
        if request.generated:
            places = len(self._starts) - 1
            self._generated.extend(bytes(places - len(self._generated)) + b"\1")
            bare = digest_of(request.data[request.data.index(b",") :])
            self._contents += int.from_bytes(bare) - int.from_bytes(digest)
        self._digests += digest
        self._has_braces = self._has_braces or b"{{" in request.data
        self._starts.append(self._starts[-1] + len(request.data) + len(SEPARATOR))
        self._gather(request.data)

    def add_all(self, lines: Sequence[bytes]) -> None:
        """Lay many requests down."""
        self._digests += b"".join([digest_of(line) for line in lines])
        lengths = [len(line) + len(SEPARATOR) for line in lines]
        self._starts.extend(list(accumulate(lengths, initial=self._starts[-1]))[1:])
        self._gather(SEPARATOR.join(lines))

    def finish(self, names: Names, limits: Limits) -> Written:
        """Return all that was written."""
        self._flush()
        places = len(self._starts) - 1
        if self._generated:
            self._generated.extend(bytes(places - len(self._generated)))
        return Written(
            descriptor=self._file.fileno(),
            limits=limits,
            starts=self._starts,
            digests=self._digests,
            names=names,
            generated=self._generated,
            contents=(sum_of(self._digests) + self._contents) % (1 << 8 * DIGEST_BYTES) if self._generated else 0,
            has_braces=self._has_braces,
        )

    def _gather(self, data: bytes) -> None:
        if len(data) >= WRITE_BYTES:  # is not copied together with others
            self._flush()
            self._write(data)
            self._gathered.append(SEPARATOR)
            return
        self._gathered += (data, SEPARATOR)
        if self._starts[-1] - self._written >= WRITE_BYTES:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._gathered)
        self._gathered.clear()
        self._write(data)

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        while data:  # an unbuffered file may take less than all at once
            data = data[self._file.write(data) :]

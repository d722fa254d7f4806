"""What the requests of an input are called, and where they stand: on disk and in arrays, whatever their number.

A dictionary of a million custom_ids takes 200 MB. Here they lie in a file without a name, each as long as the longest,
and memory holds some numbers of each: a hash while they come in, to find those that stand twice, and later a key.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import CUSTOM_ID
from airflow_provider_sam.batches.submit.generated_ids import PLAIN, generated_id
from airflow_provider_sam.batches.submit.shards import key_of, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 64
"""Characters of the longest custom_id; shorter ones are filled up with spaces, which none contains."""

AT_ONCE = 4096
"""How many custom_ids are written and read at once."""

BUCKET = 1 << 15
"""How many hashes are compared with each other at once, about."""


class Names:
    """The custom_ids of requests, by the places of these from 0; first they come in, then they are looked up."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="sam-names-")  # noqa: SIM115 - closed by close()
        self._gathered: list[str] = []
        self._hashes = array("q")
        self._total = 0

    def close(self) -> None:
        """Close the file, of which nothing stays."""
        self._file.close()

    def add(self, custom_id: str) -> None:
        """Take the custom_id of the next request; an empty one where it has none."""
        self.add_all((custom_id,))

    def add_all(self, custom_ids: Sequence[str]) -> None:
        """Take the custom_ids of the next requests."""
        self._total += len(custom_ids)
        self._gathered += custom_ids
        if len(self._gathered) >= AT_ONCE:
            self._write()

    def repeated(self) -> Iterator[tuple[int, str, int]]:
        """Return the requests whose custom_id stands twice: place and custom_id, and the place of the first one.

        This is asked once, when all have come in.
        """
        self._write()
        hashes = _repeated(self._hashes)
        self._hashes = array("q")
        if not hashes:
            return
        first: dict[str, int] = {}
        for place, name in enumerate(self.of(range(self._total))):
            if name and hash(name) in hashes and (earlier := first.setdefault(name, place)) != place:
                yield place, name, earlier

    def find(self, custom_id: str) -> int | None:
        """Return the place of the request that was given this custom_id."""
        if not CUSTOM_ID.fullmatch(custom_id):
            return None
        key, key_at = key_of(custom_id), self.keys.__getitem__
        start, stop = bisect_left(self.order, key, key=key_at), bisect_right(self.order, key, key=key_at)
        return next((place for place in self.order[start:stop] if next(self.of([place])) == custom_id), None)

    def of(self, places: Sequence[int], *, token: str = "") -> Iterator[str]:
        """Return the custom_ids of requests whose places ascend.

        :param token: what those begin with that are generated for requests without one; none makes these empty.
        """
        start, stop, text = 0, 0, ""
        for place in places:
            if place >= stop:
                start, stop = place, min(place + AT_ONCE, self._total)
                text = self._read(start, stop)
            at = WIDTH * (place - start)
            yield text[at : at + WIDTH].rstrip() or (generated_id(token, place + 1) if token else "")

    @cached_property
    def keys(self) -> array[int]:
        """The keys of all requests, by their places; of plain custom_ids where they have none."""
        return array("Q", map(key_of, self.of(range(self._total), token=PLAIN)))

    @cached_property
    def order(self) -> array[int]:
        """The places of all requests, in the order of their keys."""
        return order_of(self.keys)

    def _write(self) -> None:
        for at in range(0, len(self._gathered), AT_ONCE):
            names = self._gathered[at : at + AT_ONCE]
            self._file.write((f"%-{WIDTH}s" * len(names) % tuple(names)).encode())
            self._hashes.extend(map(hash, filter(None, names)))
        self._gathered.clear()
        self._file.flush()

    def _read(self, start: int, stop: int) -> str:
        if self._gathered:
            self._write()
        data = os.pread(self._file.fileno(), WIDTH * (stop - start), WIDTH * start)
        if len(data) != WIDTH * (stop - start):
            raise SamRequestError("the temporary file that holds the custom_ids was truncated by another process")
        return data.decode()


def _repeated(hashes: array[int]) -> set[int]:
    """Return the hashes that stand twice; bucket by bucket, so that they are never all objects at the same time."""
    number = 1 + len(hashes) // BUCKET
    buckets = [array("q") for _ in range(number)]
    for each in hashes:
        buckets[each % number].append(each)
    return {
        each
        for bucket in buckets
        if len(set(bucket)) < len(bucket)
        for each, times in Counter(bucket).items()
        if times > 1
    }


class Places:
    """Where the requests of an input stand, for messages, by their indices from 0: as runs of lines."""

    def __init__(self) -> None:
        self._names: list[str | None] = []
        self._firsts, self._numbers, self._files = array("Q"), array("Q"), array("I")

    def add(self, index: int, name: str | None, number: int) -> None:
        """Take note of the next request, and of those behind it on the lines that follow.

        :param index: its own among all.
        :param name: as in the place of an `Entry`, like `number`.
        """
        if self._names and self._in_run(-1, index) == (name, number):
            return
        if not self._names or self._names[-1] != name:
            self._names.append(name)
        self._firsts.append(index)
        self._numbers.append(number)
        self._files.append(len(self._names) - 1)

    def of(self, index: int) -> tuple[str | None, int]:
        """Return the place of a request, as an `Entry` has it."""
        return self._in_run(bisect_right(self._firsts, index) - 1, index)

    def _in_run(self, run: int, index: int) -> tuple[str | None, int]:
        return self._names[self._files[run]], self._numbers[run] + index - self._firsts[run]

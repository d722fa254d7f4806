"""Requests as they lie in the spool's file, and the batches that are made of them: each is a view that can be sent."""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from airflow_provider_sam.api.bodies import LINES
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.ids import custom_ids_digest
from airflow_provider_sam.batches.submit.generated_ids import PLAIN, TOKEN_LENGTH, generated_id, with_token
from airflow_provider_sam.batches.submit.requests import SEPARATOR
from airflow_provider_sam.batches.submit.shards import EVERY_KEY, Plan, Planner, fingerprint_of, sum_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sam.api.limits import Limits
    from airflow_provider_sam.batches.submit.names import Names
    from airflow_provider_sam.batches.submit.shards import Pin

AROUND = LINES.around
"""Bytes of a body beside its requests, each of which counts with one separator."""

GROWTH = TOKEN_LENGTH - len(PLAIN)
"""Bytes by which a plain custom_id grows when it gets its token."""

READ_BYTES = 1 << 18


@dataclass(kw_only=True)
class Written:
    """All requests of an input, in its order.

    :param descriptor: of the file where they lie, one a line, each with a separator behind it.
    :param starts: where each begins; one more than there are requests.
    :param digests: the hash of each, one after the other.
    :param names: the custom_ids that were given.
    :param generated: for each request 1 where it came without a custom_id; empty where all have one.
    :param contents: the sum of the hashes without generated custom_ids: the same in any order.
    :param has_braces: some request that came one by one holds what Airflow would take for a template.
    """

    descriptor: int
    limits: Limits
    starts: array[int]
    digests: bytes | bytearray
    names: Names
    generated: bytes | bytearray
    contents: int
    has_braces: bool = False

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @property
    def fits_one(self) -> bool:
        """Whether one batch can hold all."""
        size = AROUND + self.starts[-1] + GROWTH * sum(self.generated)
        return self.total <= self.limits.max_batch_requests and size <= self.limits.max_batch_bytes

    @cached_property
    def order(self) -> str:
        """The fingerprint of all requests with the custom_ids that their places give them."""
        return fingerprint_of(sum_of(self.digests), self.total, None)

    def is_generated(self, place: int) -> bool:
        """Return whether a request came without a custom_id."""
        return bool(self.generated) and self.generated[place] > 0

    def size(self, place: int) -> int:
        """Return the bytes of a request in a body, with its separator."""
        grown = GROWTH if self.generated and self.generated[place] else 0
        return self.starts[place + 1] - self.starts[place] + grown

    def divide(
        self, pins: Sequence[Pin], *, without: Sequence[range] = (), betas: Sequence[str] | None
    ) -> list[tuple[Plan, Pin | None]]:
        """Divide the requests among batches, each with the pin that it is known by.

        :param without: the places of requests that are in other batches for certain.
        """
        left = self.total - sum(map(len, without))
        if not left:
            return []
        if not without and self.fits_one and all(pin.keys == EVERY_KEY for pin in pins):
            digest = sum_of(self.digests)
            fingerprint = fingerprint_of(digest, left, betas)
            known = next((pin for pin in pins if pin.fingerprint == fingerprint), None)
            return [(Plan(range(self.total), EVERY_KEY, digest), known)]
        planner = Planner(self.names.keys, self.size, self.digests, order=self._order_without(without))
        return planner.divide(pins, self.limits, around=AROUND, betas=betas)

    def _order_without(self, without: Sequence[range]) -> array[int]:
        """Return the places of the requests that are left, in the order of their keys."""
        if not without:
            return self.names.order
        is_left = bytearray(b"\1") * self.total
        for places in without:
            is_left[places.start : places.stop] = bytes(len(places))
        return array("I", filter(is_left.__getitem__, self.names.order))

    def in_order(self) -> Iterator[tuple[range, str]]:
        """Fill batches in the order of the input, with plain custom_ids: what was submitted by records of version 1.

        Gives the requests of each with the SHA-256 of its body.
        """
        start = 0
        while start < self.total:
            stop = min(start + self.limits.max_batch_requests, self.total)
            room = self.starts[start] + self.limits.max_batch_bytes - AROUND
            stop = max(min(stop, bisect_right(self.starts, room) - 1), start + 1)
            digest = hashlib.sha256()
            for piece in Shard(written=self, members=range(start, stop), keys=None, fingerprint="", token=None):
                digest.update(piece)
            yield range(start, stop), digest.hexdigest()
            start = stop

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the file between two positions."""
        data = os.pread(self.descriptor, stop - start, start)
        if len(data) != stop - start:
            raise SamRequestError(
                "the temporary file that holds the requests was truncated by another process",
                retryable=True,
                retry_hint="Nothing more was sent; a retry writes it anew.",
            )
        return data


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The body of one batch: iterating gives its bytes, the same every time it begins.

    :param members: the places of its requests among all, in their order.
    :param keys: the range of keys that is its own; None where it was filled in the order of the input.
    :param fingerprint: of its requests, in any order.
    :param token: what its generated custom_ids begin with; None where they are plain.
    """

    written: Written = field(repr=False)
    members: Sequence[int] = field(repr=False)
    keys: tuple[int, int] | None
    fingerprint: str
    token: str | None

    @property
    def requests(self) -> int:
        """How many requests it has."""
        return len(self.members)

    @cached_property
    def content_length(self) -> int:
        """Bytes of the body, exactly."""
        if isinstance(self.members, range):
            first, stop = self.members.start, self.members.stop
            size = self.written.starts[stop] - self.written.starts[first]
            return AROUND + size + (GROWTH * sum(self.written.generated[first:stop]) if self.token else 0)
        plain = 0 if self.token else GROWTH * sum(self.written.generated[place] for place in self.members)
        return AROUND + sum(map(self.written.size, self.members)) - plain

    @cached_property
    def ids_digest(self) -> str:
        """The digest of its custom_ids, as they are sent."""
        return custom_ids_digest(self.written.names.of(self.members, token=self.token or PLAIN))

    def __iter__(self) -> Iterator[bytes]:
        yield LINES.prefix
        separator = b""
        for first, stop in self._runs():
            start, end = self.written.starts[first], self.written.starts[stop] - len(SEPARATOR)
            for position in range(start, end, READ_BYTES) if self._is_plain else (start,):
                data = self.written.read(position, min(position + READ_BYTES, end) if self._is_plain else end)
                yield separator + (data if self._is_plain else self._named(data, first))
                separator = b""
            separator = SEPARATOR
        yield LINES.suffix

    def recognize(self, custom_id: str) -> Literal["proof", "possible", "foreign"]:
        """Say what a result with this custom_id means: that the batch is ours, that it may be, or that it is not."""
        token, _, number = custom_id.rpartition("-")
        if self.token and token == self.token and number.isdecimal():
            place = int(number) - 1
            is_ours = generated_id(token, place + 1) == custom_id and self._has(place)
            return "proof" if is_ours and self.written.is_generated(place) else "foreign"
        return "possible" if self.holds(custom_id) else "foreign"

    def holds(self, custom_id: str) -> bool:
        """Return whether a request of this batch was given this custom_id."""
        place = self.written.names.find(custom_id)
        if place is not None:
            return self._has(place)
        number = custom_id.removeprefix(f"{PLAIN}-") if self.token is None else ""
        place = int(number) - 1 if number.isdecimal() and len(number) < TOKEN_LENGTH else -1
        return generated_id(PLAIN, place + 1) == custom_id and self._has(place) and self.written.is_generated(place)

    def _has(self, place: int) -> bool:
        if isinstance(self.members, range):
            return place in self.members
        at = bisect_left(self.members, place)
        return at < len(self.members) and self.members[at] == place

    @property
    def _is_plain(self) -> bool:
        return self.token is None or not self.written.generated

    def _named(self, data: bytes, first: int) -> bytes:
        """Put the token into the generated custom_ids of a run of requests."""
        token, generated = self.token or "", self.written.generated
        lines = enumerate(data.split(SEPARATOR), first)  # within a request no line ends
        return SEPARATOR.join([with_token(line, token) if generated[place] else line for place, line in lines])

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Return requests that lie behind each other, as places from and to; as many as may be read at once."""
        starts, members = self.written.starts, self.members
        if isinstance(members, range):
            first = members.start
            while first < members.stop:
                stop = members.stop
                if not self._is_plain:
                    stop = min(max(bisect_right(starts, starts[first] + READ_BYTES) - 1, first + 1), stop)
                yield first, stop
                first = stop
            return
        at = 0
        while at < len(members):
            first = members[at]
            stop = first
            while at < len(members) and members[at] == stop and starts[stop + 1] - starts[first] <= READ_BYTES:
                at, stop = at + 1, stop + 1
            if stop == first:
                at, stop = at + 1, stop + 1
            yield first, stop

"""Which requests make which batch: decided from the requests alone, whatever their order, and from what is remembered.

Each request has a *key*, a hash of its custom_id, and each batch holds the requests of a range of keys. So the same
requests make the same batches in any order, and a remembered batch says in two numbers which requests it holds: where
these are still the same, they stay there, whatever else has changed. The fingerprint of a range is made of the sum of
the requests' hashes, which knows no order. Pure.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_provider_sam.api.limits import Limits

DIGEST_BYTES = 16
"""How much is kept of the hash of each request."""

KEY_BYTES = 8
FIRST_KEY, LAST_KEY = 0, (1 << 8 * KEY_BYTES) - 1
"""The range of all keys."""

EVERY_KEY = (FIRST_KEY, LAST_KEY)

AT_ONCE = 1 << 14
"""How many requests are sorted and summed at once."""

_MODULUS = 1 << 8 * DIGEST_BYTES


class Plan(NamedTuple):
    """The requests of one batch.

    :param members: their places among all requests, in the order of the input.
    :param keys: the range of keys, both ends included, that is this batch's and no other's.
    :param digest: the sum of the requests' hashes.
    """

    members: Sequence[int]
    keys: tuple[int, int]
    digest: int


@dataclass(frozen=True)
class Pin:
    """What a batch is known to hold that was submitted earlier.

    :param keys: the range of keys that is its own.
    :param requests: how many it holds.
    :param fingerprint: of these.
    """

    keys: tuple[int, int]
    requests: int
    fingerprint: str


def digest_of(data: bytes) -> bytes:
    """Return the hash of one request."""
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


def key_of(custom_id: str) -> int:
    """Return the key of a request."""
    return int.from_bytes(hashlib.sha256(custom_id.encode()).digest()[:KEY_BYTES])


def order_of(keys: Sequence[int]) -> array[int]:
    """Return the places of keys in their order; bucket by bucket, so that they are never all objects at once."""
    bits = (len(keys) // AT_ONCE).bit_length()
    buckets = [array("I") for _ in range(1 << bits)]
    for place, key in enumerate(keys):
        buckets[key >> 8 * KEY_BYTES - bits].append(place)
    order = array("I")
    for bucket in buckets:
        order.extend(sorted(bucket, key=keys.__getitem__))
    return order


def sum_of(digests: bytes | bytearray, members: Sequence[int] | None = None) -> int:
    """Return the sum of the hashes of some requests, or of all."""
    size = DIGEST_BYTES
    if members is None:
        pieces = (digests[at : at + size * AT_ONCE] for at in range(0, len(digests), size * AT_ONCE))
    else:
        some = (members[at : at + AT_ONCE] for at in range(0, len(members), AT_ONCE))
        pieces = (b"".join([digests[size * each : size * each + size] for each in places]) for places in some)
    return sum(map(_sum, pieces)) % _MODULUS


def _sum(digests: bytes | bytearray) -> int:
    halves = array("Q", digests)
    if sys.byteorder == "little":
        halves.byteswap()
    return (sum(halves[::2]) << 64) + sum(halves[1::2])


def fingerprint_of(digest: int, requests: int, betas: Sequence[str] | None) -> str:
    """Return the fingerprint of a batch: the same requests with other betas are another batch."""
    names = None if betas is None else [*betas]
    return hashlib.sha256(repr((digest, requests, names)).encode()).hexdigest()[:32]


class Planner:
    """Divides requests among batches.

    :param keys: of the requests, in the order of the input.
    :param size: tells the bytes of each in a body, with what separates it from the next one.
    :param digests: the hashes of the requests, one after the other.
    :param order: the places of those that are divided, in the order of their keys.
    """

    def __init__(
        self, keys: Sequence[int], size: Callable[[int], int], digests: bytes | bytearray, *, order: Sequence[int]
    ) -> None:
        self._key = keys.__getitem__
        self._size = size
        self._digests = digests
        self._order = order

    def divide(
        self, pins: Sequence[Pin], limits: Limits, *, around: int, betas: Sequence[str] | None
    ) -> list[tuple[Plan, Pin | None]]:
        """Return the batches in the order of their keys, each with the pin that it is known by.

        :param pins: what earlier batches hold; of two that overlap the first counts.
        :param around: bytes of a body that holds no request.
        """
        kept: list[tuple[int, int, Pin, Plan]] = []
        for pin in pins:
            start = bisect_left(self._order, pin.keys[0], key=self._key)
            stop = bisect_right(self._order, pin.keys[1], key=self._key)
            is_free = all(pin.keys[1] < other.keys[0] or other.keys[1] < pin.keys[0] for _, _, other, _ in kept)
            if is_free and stop - start == pin.requests:
                plan = self._plan(start, stop, pin.keys)
                if fingerprint_of(plan.digest, pin.requests, betas) == pin.fingerprint:
                    kept.append((start, stop, pin, plan))
        batches: list[tuple[Plan, Pin | None]] = []
        place, key = 0, FIRST_KEY
        for start, stop, pin, plan in sorted(kept, key=lambda each: each[2].keys):
            batches += [(other, None) for other in self._fill(place, start, (key, pin.keys[0] - 1), limits, around)]
            batches.append((plan, pin))
            place, key = stop, pin.keys[1] + 1
        end = len(self._order)
        return batches + [(plan, None) for plan in self._fill(place, end, (key, LAST_KEY), limits, around)]

    def _fill(self, start: int, stop: int, keys: tuple[int, int], limits: Limits, around: int) -> Iterable[Plan]:
        """Fill batches with what lies between two pins; their ranges cover all of the gap."""
        first = keys[0]
        while start < stop:
            end, size = start, around
            while end < stop and end - start < limits.max_batch_requests:
                size += self._size(self._order[end])
                if size > limits.max_batch_bytes and end > start:
                    break
                end += 1
            # Two requests with the same key cannot be in two ranges; one in a billion submissions has such.
            while start + 1 < end < stop and self._key_at(end) == self._key_at(end - 1):
                end -= 1
            last = keys[1] if end == stop else self._key_at(end) - 1
            yield self._plan(start, end, (first, last))
            start, first = end, last + 1

    def _key_at(self, at: int) -> int:
        return self._key(self._order[at])

    def _plan(self, start: int, stop: int, keys: tuple[int, int]) -> Plan:
        members = array("I", sorted(self._order[start:stop]))
        return Plan(members, keys, sum_of(self._digests, members))

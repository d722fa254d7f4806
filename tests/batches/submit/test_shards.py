"""The same requests make the same batches in any order, and each request is in exactly one, whatever is remembered."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.batches.submit import shards
from airflow_provider_sam.batches.submit.shards import (
    EVERY_KEY,
    LAST_KEY,
    Pin,
    Planner,
    digest_of,
    fingerprint_of,
    key_of,
    order_of,
    sum_of,
)

AROUND = 15


def plan(requests, pins=(), limits=None, betas=None, size=10):
    names = list(requests)
    digests = b"".join(digest_of(f"{name}={content}".encode()) for name, content in requests.items())
    keys = [key_of(name) for name in names]
    planner = Planner(keys, lambda _place: size, digests, order=order_of(keys))
    limits = limits or Limits(max_batch_requests=3)
    found = planner.divide(pins, limits, around=AROUND, betas=betas)
    return [
        (
            {names[place] for place in batch.members},
            Pin(batch.keys, len(batch.members), fingerprint_of(batch.digest, len(batch.members), betas)),
            pin is not None,
        )
        for batch, pin in found
    ]


NAMES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 3), max_size=20)


@given(requests=NAMES, data=st.data())
def test_any_order_makes_the_same_batches_each_known_again(requests, data):
    first = plan(requests)
    other = dict(data.draw(st.permutations(list(requests.items()))))
    assert plan(other) == first
    again = plan(other, [pin for _, pin, _ in data.draw(st.permutations(first))])
    assert again == [(names, pin, True) for names, pin, _ in first]


@given(before=NAMES, after=NAMES, limit=st.integers(1, 5), data=st.data())
def test_each_request_is_in_one_batch_and_what_has_not_changed_stays_where_it_is(before, after, limit, data):
    first = plan(before)
    known = data.draw(st.lists(st.sampled_from(first), unique_by=lambda each: each[1].keys)) if first else []
    found = plan(after, [pin for _, pin, _ in known], Limits(max_batch_requests=limit))
    assert sorted(name for names, _, _ in found for name in names) == sorted(after)
    assert all(len(names) <= limit for names, _, is_known in found if not is_known)
    ranges = [pin.keys for _, pin, _ in found]
    assert ranges == sorted(ranges)
    assert all(one[1] < two[0] for one, two in itertools.pairwise(ranges))
    for names, pin, _ in known:
        inside = {name: content for name, content in after.items() if pin.keys[0] <= key_of(name) <= pin.keys[1]}
        if inside == {name: before[name] for name in names}:
            assert (names, pin, True) in found


def test_the_ranges_of_batches_that_nothing_is_known_of_cover_all_keys():
    ranges = [pin.keys for _, pin, _ in plan({str(number): 0 for number in range(10)})]
    assert (ranges[0][0], ranges[-1][1]) == EVERY_KEY
    assert [one[1] + 1 for one in ranges[:-1]] == [two[0] for two in ranges[1:]]


def test_batches_are_filled_to_the_bytes_too():
    requests = {str(number): 0 for number in range(10)}
    assert [len(names) for names, _, _ in plan(requests, limits=Limits(max_batch_bytes=AROUND + 40))] == [4, 4, 2]
    assert [len(names) for names, _, _ in plan(requests, limits=Limits(max_batch_bytes=1))] == [1] * 10


def test_requests_with_the_same_key_are_never_parted():
    planner = Planner([5, 7, 7, 9], lambda _place: 1, digest_of(b"x") * 4, order=range(4))
    found = planner.divide([], Limits(max_batch_requests=2), around=0, betas=None)
    assert [list(batch.members) for batch, _ in found] == [[0], [1, 2], [3]]
    assert [batch.keys for batch, _ in found] == [(0, 6), (7, 8), (9, LAST_KEY)]


@given(keys=st.lists(st.integers(0, LAST_KEY) | st.integers(0, 3)), at_once=st.integers(1, 9))
def test_the_order_of_keys_and_the_sum_of_hashes_are_the_same_however_many_are_looked_at_at_once(keys, at_once):
    digests = [digest_of(str(key).encode()) for key in keys]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "AT_ONCE", at_once)
        order = list(order_of(keys))
        sums = [sum_of(b"".join(digests), members) for members in (None, order, order[::2])]
    assert order == sorted(range(len(keys)), key=keys.__getitem__)
    numbers = [int.from_bytes(digests[place]) for place in order]
    assert sums == [sum(some) % (1 << 128) for some in (numbers, numbers, numbers[::2])]


@pytest.mark.parametrize("change", ["betas", "number", "sum"])
def test_a_fingerprint_knows_the_requests_and_their_betas(change):
    facts = {"digest": sum_of(digest_of(b"x") * 2), "requests": 2, "betas": None}
    others = {"betas": {"betas": []}, "number": {"requests": 3}, "sum": {"digest": 1}}
    assert fingerprint_of(**facts) != fingerprint_of(**{**facts, **others[change]})

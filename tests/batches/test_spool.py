"""An input of any size becomes batches within the limits, byte for byte, or one error that names its first problems."""

from __future__ import annotations

import hashlib
import json
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.bodies import BatchBody
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.batches.requests import Block, RequestReader
from airflow_provider_sam.batches.sources import entries_of
from airflow_provider_sam.batches.spool import Spool

PARAMS = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}


def request(name, **params):
    return {"custom_id": name, "params": PARAMS | params}


def bodies(requests, *, only=None, **limits):
    with Spool(Limits(**limits), only=only) as spool:
        shards = spool.lay(entries_of(requests))
        return shards, [b"".join(shard) for shard in shards]


@given(
    sizes=st.lists(st.integers(0, 400), max_size=30),
    max_batch_requests=st.integers(1, 12),
    max_batch_bytes=st.integers(600, 2000),
)
def test_shards_hold_all_requests_in_order_within_the_limits(sizes, max_batch_requests, max_batch_bytes):
    requests = [request(f"r{number}", system="x" * size) for number, size in enumerate(sizes)]
    shards, sent = bodies(requests, max_batch_requests=max_batch_requests, max_batch_bytes=max_batch_bytes)
    assert list(chain.from_iterable(json.loads(body)["requests"] for body in sent)) == requests
    assert [len(body) for body in sent] == [shard.content_length for shard in shards]
    assert [len(json.loads(body)["requests"]) for body in sent] == [shard.requests for shard in shards]
    assert all(shard.content_length <= max_batch_bytes for shard in shards)
    assert all(shard.requests <= max_batch_requests for shard in shards)
    assert [shard.fingerprint for shard in shards] == [hashlib.sha256(body).hexdigest() for body in sent]
    for shard, following in pairwise(shards):
        is_full = shard.requests == max_batch_requests
        one_more = len(json.dumps(requests[following.first], separators=(",", ":"))) + 2
        assert is_full or shard.content_length + one_more > max_batch_bytes


def test_a_body_can_be_sent_from_its_start_again():
    with Spool(Limits()) as spool:
        (shard,) = spool.lay(entries_of([request("a")]))
        assert isinstance(shard, BatchBody)
        assert b"".join(shard) == b"".join(shard)


def test_a_shard_knows_which_requests_are_its_own():
    (first, second), _ = bodies([request("a"), request("b"), request("c")], max_batch_requests=2)
    assert [first.holds(name) for name in "abcd"] == [True, True, False, False]
    assert [second.holds(name) for name in "abcd"] == [False, False, True, False]


def test_only_some_requests_of_an_input_are_laid_down_and_held_and_generated_names_count_all():
    requests = [request("a"), request("b"), {"params": PARAMS}, request("d"), {"params": PARAMS}]
    (first, second), sent = bodies(requests, only={"a", "d", "request-5", "z"}, max_batch_requests=2)
    names = [[row["custom_id"] for row in json.loads(body)["requests"]] for body in sent]
    assert names == [["a", "d"], ["request-5"]]
    everyone = ["a", "b", "request-3", "d", "request-5", "z"]
    assert [name for name in everyone if first.holds(name)] == ["a", "d"]
    assert [name for name in everyone if second.holds(name)] == ["request-5"]


def test_requests_that_are_left_out_are_checked_and_not_observed():
    seen = []
    with Spool(Limits(), only={"b"}, observe=lambda request: seen.append(request.custom_id)) as spool:
        spool.lay(entries_of([request("a"), request("b")]))
        assert seen == ["b"]
    with pytest.raises(SamRequestError, match=r"1 of 3 .*requests\[2\] \(custom_id 'a'\)"):
        bodies([request("a"), request("b"), request("a")], only={"b"})


def test_an_empty_input_makes_no_batch():
    assert bodies([]) == ([], [])


def test_the_same_input_has_the_same_fingerprint_and_another_one_has_not():
    requests = [request("a"), request("b")]
    (one,), _ = bodies(requests)
    (same,), _ = bodies(iter(requests))
    (other,), _ = bodies(requests[::-1])
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_the_first_problems_are_named_and_the_rest_is_counted():
    requests = [request("a"), *(request(f"bad {number}") for number in range(7)), request("a")]
    with pytest.raises(SamRequestError) as caught:
        bodies(requests)
    assert caught.value.message.startswith("8 of 9 requests cannot be sent: requests[1]: custom_id 'bad 0' is not")
    assert caught.value.message.count("is not allowed") == 5
    assert caught.value.message.endswith("; and 3 more")


def test_a_custom_id_is_unique_across_all_shards():
    requests = [request("a"), request("b"), request("a")]
    with pytest.raises(SamRequestError, match=r"requests\[2\] \(custom_id 'a'\): requests\[0\] is called so"):
        bodies(requests, max_batch_requests=2)


def test_a_generated_custom_id_that_is_given_too_is_a_problem():
    with pytest.raises(SamRequestError, match=r"requests\[1\] \(custom_id 'request-2'\): requests\[0\]"):
        bodies([request("request-2"), {"params": PARAMS}])


def test_a_request_that_fits_into_no_batch_is_a_problem():
    with pytest.raises(
        SamRequestError, match=r"requests\[1\] \(custom_id 'b'\): \d+ bytes, more than a batch may have"
    ):
        bodies([request("a"), request("b", system="x" * 300)], max_batch_bytes=250)


COMPLETE = [json.dumps(request(f"r{number}", system="é" * number), ensure_ascii=False) for number in range(6)]
ODD = st.sampled_from(
    [
        f" {COMPLETE[0]} ",
        COMPLETE[0].replace("system", "stream"),
        COMPLETE[1].replace('"m"', "null"),
        COMPLETE[2].replace("r2", "r 2"),
        COMPLETE[3].replace('"max_tokens": 1', '"max_tokens": 1e0'),
        COMPLETE[4] + COMPLETE[5],
        COMPLETE[4][:50],
        COMPLETE[4][50:],
        json.dumps({"params": PARAMS}),
        '"prompt"',
        "\r",
        "",
    ]
)
LINES = st.one_of(
    st.lists(st.sampled_from(COMPLETE), unique=True),
    st.lists(st.sampled_from(COMPLETE) | ODD, unique=True),
    st.lists(st.sampled_from(COMPLETE) | ODD, max_size=20),
)


def laid(parts, limits, only=None):
    with Spool(limits, only=only) as spool:
        return [(shard.fingerprint, shard.first, shard.requests) for shard in spool.lay(parts)]


def outcome(*arguments):
    try:
        return laid(*arguments)
    except SamRequestError as problem:
        return problem.message


@given(
    lines=LINES,
    block_size=st.integers(1, 5),
    line_end=st.sampled_from(["\n", "\r\n"]),
    max_batch_requests=st.integers(1, 8),
    max_batch_bytes=st.integers(400, 1500),
    only=st.none() | st.sets(st.sampled_from(["r0", "r1", "r2", "r3", "request-2", "request-4"])),
)
def test_lines_read_at_once_come_out_as_those_read_one_by_one(
    lines, block_size, line_end, max_batch_requests, max_batch_bytes, only
):
    blocks = [lines[at : at + block_size] for at in range(0, len(lines), block_size)]
    limits = Limits(max_batch_requests=max_batch_requests, max_batch_bytes=max_batch_bytes)
    parts = [Block("a.jsonl", 10 * at + 1, line_end.join(lines).encode()) for at, lines in enumerate(blocks)]
    one_by_one = [entry for block in parts for entry in block.entries()]
    assert outcome(parts, limits, only) == outcome(one_by_one, limits, only)


def test_a_block_of_complete_lines_is_read_at_once():
    prepared = RequestReader(Limits()).read_unchanged(Block("", 1, "\r\n".join(COMPLETE).encode()))
    assert prepared == ([f"r{number}" for number in range(6)], ",\n".join(COMPLETE).encode())


def test_a_line_that_repeats_a_custom_id_is_named_among_many():
    block = Block("", 1, "\n".join([*COMPLETE, COMPLETE[2]]).encode())
    with pytest.raises(SamRequestError, match=r"line 7 \(custom_id 'r2'\): request 3 of the input is called so too"):
        laid([block], Limits())

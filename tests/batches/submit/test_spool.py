"""An input of any size becomes batches within the limits, byte for byte, or one error that names its first problems."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.bodies import BatchBody
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.batches.ids import custom_ids_digest
from airflow_provider_sam.batches.submit import written
from airflow_provider_sam.batches.submit.requests import Block, PreparedBlock, RequestReader
from airflow_provider_sam.batches.submit.sources import entries_of
from airflow_provider_sam.batches.submit.spool import Spool
from airflow_provider_sam.batches.submit.written import Shard

PARAMS = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}


def request(name, **params):
    return {"custom_id": name, "params": PARAMS | params}


TOKEN = "3f9a1c5b7d2e"


def shards_of(found, token=TOKEN):
    return [
        Shard(written=found, members=plan.members, keys=plan.keys, fingerprint="", token=token)
        for plan, _ in found.divide([], betas=None)
    ]


@contextmanager
def laid(requests, *, only=None, **limits):
    with Spool(Limits(**limits), only=only) as spool:
        shards = shards_of(spool.write(entries_of(requests)))
        yield shards, [b"".join(shard) for shard in shards]


def bodies(requests, **options):
    with laid(requests, **options) as (_, sent):
        return sent


def rows_of(sent):
    return [json.loads(body)["requests"] for body in sent]


@given(
    sizes=st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=30),
    max_batch_requests=st.integers(1, 12),
    max_batch_bytes=st.integers(600, 2000),
    read_bytes=st.integers(1, 3000),
)
def test_shards_hold_each_request_once_in_order_within_the_limits(
    sizes, max_batch_requests, max_batch_bytes, read_bytes
):
    requests = [
        request(f"r{number}", system="x" * size) if named else {"params": PARAMS | {"system": "x" * size}}
        for number, (size, named) in enumerate(sizes)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "READ_BYTES", read_bytes)
        limits = {"max_batch_requests": max_batch_requests, "max_batch_bytes": max_batch_bytes}
        with laid(requests, **limits) as (shards, sent):
            check_shards(requests, shards, sent, **limits)


def check_shards(requests, shards, sent, *, max_batch_requests, max_batch_bytes):
    rows = rows_of(sent)
    expected = [{"custom_id": f"{TOKEN}-{place}"} | row for place, row in enumerate(requests, 1)]
    place_of = {row["custom_id"]: place for place, row in enumerate(expected)}
    assert sorted(chain.from_iterable(rows), key=lambda row: place_of[row["custom_id"]]) == expected
    for shard, body, batch in zip(shards, sent, rows, strict=True):
        names = [row["custom_id"] for row in batch]
        assert [place_of[name] for name in names] == list(shard.members)
        assert len(body) == shard.content_length <= max_batch_bytes
        assert len(batch) == shard.requests <= max_batch_requests
        assert shard.ids_digest == custom_ids_digest(names)
        for name in place_of:
            meaning = "foreign" if name not in names else "proof" if name.startswith(TOKEN) else "possible"
            assert shard.recognize(name) == meaning


def test_a_body_can_be_sent_from_its_start_again():
    with Spool(Limits()) as spool:
        (shard,) = shards_of(spool.write(entries_of([request("a")])))
        assert isinstance(shard, BatchBody)
        assert b"".join(shard) == b"".join(shard)


def test_without_a_token_generated_custom_ids_are_plain():
    with Spool(Limits()) as spool:
        (shard,) = shards_of(spool.write(entries_of([{"params": PARAMS}, request("b")])), token=None)
        names = [row["custom_id"] for row in json.loads(b"".join(shard))["requests"]]
        assert len(b"".join(shard)) == shard.content_length
        assert names == ["request-1", "b"]
        foreign = ["request-2", "request-x", "request-", "request-0", "request-01", "b ", "\ud800", ""]
        assert [shard.recognize(name) for name in [*names, *foreign]] == ["possible"] * 2 + ["foreign"] * 8


@pytest.mark.parametrize("name", [f"{TOKEN}-2", f"{TOKEN}-01", f"{TOKEN}-0", f"{TOKEN}-", f"{TOKEN}-9", "request-1"])
def test_what_only_looks_like_a_generated_custom_id_proves_nothing(name):
    with laid([{"params": PARAMS}, request("b")]) as ((shard,), _):
        assert shard.recognize(name) == "foreign"
        assert shard.recognize(f"{TOKEN}-1") == "proof"


def test_only_some_requests_of_an_input_are_laid_down_and_held_and_generated_names_count_all():
    requests = [request("a"), request("b"), {"params": PARAMS}, request("d"), {"params": PARAMS}]
    with laid(requests, only={"a", "d", f"{TOKEN}-5", "z"}) as ((shard,), sent):
        assert [row["custom_id"] for row in rows_of(sent)[0]] == ["a", "d", f"{TOKEN}-5"]
        everyone = ["a", "b", f"{TOKEN}-3", "d", f"{TOKEN}-5", "z"]
        assert [name for name in everyone if shard.holds(name)] == ["a", "d", f"{TOKEN}-5"]


def test_requests_that_are_left_out_are_checked_and_not_observed():
    seen = []
    with Spool(Limits(), only={"b"}, observe=lambda request: seen.append(request.custom_id)) as spool:
        spool.write(entries_of([request("a"), request("b")]))
        assert seen == ["b"]
    with pytest.raises(SamRequestError, match=r"1 of 3 .*requests\[2\] \(custom_id 'a'\)"):
        bodies([request("a"), request("b"), request("a")], only={"b"})


def test_an_empty_input_makes_no_batch():
    assert bodies([]) == []


def test_the_first_problems_are_named_and_the_rest_is_counted():
    requests = [request("a"), *(request(f"bad {number}") for number in range(7)), request("a")]
    with pytest.raises(SamRequestError) as caught:
        bodies(requests)
    assert caught.value.message.startswith("8 of 9 requests cannot be sent: requests[1]: custom_id 'bad 0' is not")
    assert caught.value.message.count("is not allowed") == 5
    assert caught.value.message.endswith("; and 3 more")


def test_a_custom_id_is_unique_across_all_shards():
    requests = [request("a"), request("b"), request("a")]
    with pytest.raises(SamRequestError, match=r"requests\[2\] \(custom_id 'a'\): requests\[0\] has the same custom_id"):
        bodies(requests, max_batch_requests=2)


def test_a_request_that_fits_into_no_batch_is_a_problem():
    said = (
        r"requests\[1\] \(custom_id 'b'\): a batch of this request alone would have 4\d\d bytes; max_batch_bytes is 250"
    )
    with pytest.raises(SamRequestError, match=said):
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


def write(parts, limits, only=None):
    with Spool(limits, only=only) as spool:
        found = spool.write(parts)
        return [(b"".join(shard), list(shard.members)) for shard in shards_of(found)], found.order, found.contents


def outcome(*arguments):
    try:
        return write(*arguments)
    except SamRequestError as problem:
        return problem.message


@given(
    lines=LINES,
    block_size=st.integers(1, 5),
    line_end=st.sampled_from(["\n", "\r\n"]),
    max_batch_requests=st.integers(1, 8),
    max_batch_bytes=st.integers(400, 1500),
    only=st.none() | st.sets(st.sampled_from(["r0", "r1", "r2", "r3", f"{TOKEN}-2", "request-4"])),
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
    prepared = RequestReader().read_unchanged(Block("", 1, "\r\n".join(COMPLETE).encode()))
    assert prepared == ("", 1, [f"r{number}" for number in range(6)], [line.encode() for line in COMPLETE])


@pytest.mark.parametrize("only", [None, {"r1", "r4"}])
@pytest.mark.parametrize("max_batch_bytes", [100, 400, 100_000])
def test_prepared_requests_come_out_as_those_that_are_read(only, max_batch_bytes):
    limits, lines = Limits(max_batch_bytes=max_batch_bytes), [line.encode() for line in COMPLETE]
    prepared = PreparedBlock("", 1, [f"r{number}" for number in range(6)], lines)
    assert outcome([prepared], limits, only) == outcome([Block("", 1, b"\n".join(lines))], limits, only)


def test_a_prepared_request_that_repeats_a_custom_id_is_named():
    block = PreparedBlock("", 5, ["r2", "r2"], [COMPLETE[2].encode()] * 2)
    with pytest.raises(SamRequestError, match=r"line 6 \(custom_id 'r2'\): request 1 of the input has the same"):
        write([block], Limits())


def test_a_line_that_repeats_a_custom_id_is_named_among_many():
    block = Block("", 1, "\n".join([*COMPLETE, COMPLETE[2]]).encode())
    with pytest.raises(SamRequestError, match=r"line 7 \(custom_id 'r2'\): request 3 of the input has the same"):
        write([block], Limits())


def test_what_repeats_a_custom_id_of_another_file_is_named_among_other_problems_in_the_order_of_the_input():
    blocks = [
        Block("a.jsonl", 1, "\n".join(COMPLETE[:4]).encode()),
        Block("b.jsonl", 1, "\n".join([COMPLETE[4], "", COMPLETE[3], COMPLETE[5]]).encode()),
        Block("b.jsonl", 5, "\n".join(["{}", COMPLETE[4]]).encode()),
    ]
    with pytest.raises(SamRequestError) as caught:
        write(blocks, Limits())
    listed = caught.value.message.split(": ", 1)[1].split("; ")
    assert listed[0] == "b.jsonl line 3 (custom_id 'r3'): request 4 of the input has the same custom_id"
    assert listed[1].startswith("b.jsonl line 5: params missing")
    assert listed[3].startswith("b.jsonl line 6 (custom_id 'r4'): request 5 of the input has the same custom_id")

"""Batches are known by what earlier versions called them: these values lie in the stores of those who submitted."""

from __future__ import annotations

import hashlib
import json

import pytest

from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.batches.submit.shards import fingerprint_of
from airflow_provider_sam.batches.submit.sources import entries_of
from airflow_provider_sam.batches.submit.spool import Spool
from airflow_provider_sam.batches.submit.written import Shard

TOKEN = "3f9a1c5b7d2e"
PARAMS = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
FEW, MANY = 5, 9000
IS_NAMED = {"given": lambda _place: True, "generated": lambda _place: False, "both": lambda place: place % 2 == 0}


def requests(number, is_named):
    """Return requests, some of which come without a custom_id."""
    return [
        {"params": PARAMS | {"system": str(place)}} | ({"custom_id": f"row-{place}"} if is_named(place) else {})
        for place in range(number)
    ]


def facts(given, limit, only=None):
    """Return what an input and its batches are known by, with the custom_ids and the bodies that are sent."""
    with Spool(Limits(max_batch_requests=limit), only=only) as spool:
        written = spool.write(entries_of(given))
        shards = []
        for plan, _ in written.divide([], betas=None):
            shard = Shard(written=written, members=plan.members, keys=plan.keys, fingerprint="", token=TOKEN)
            keys = "-".join(f"{key:016x}" for key in plan.keys)
            fingerprint = fingerprint_of(plan.digest, len(plan.members), ["b"])
            body = hashlib.sha256(b"".join(shard)).hexdigest()
            shards.append([[*plan.members], keys, fingerprint, shard.ids_digest[:16], body[:16]])
        in_order = [[places.stop, digest[:16]] for places, digest in written.in_order()]
        return {"order": written.order, "contents": str(written.contents), "in_order": in_order, "shards": shards}


FACTS = {
    "given": {
        "order": "2dc7ce9154a997b89226a1c5d0f0fac5",
        "contents": "0",
        "in_order": [[2, "7e06228842b21a36"], [4, "35b472da7e184e0d"], [5, "83ed96bd504194e7"]],
        "shards": [
            [
                [1, 4],
                "0000000000000000-3c831eb5a23962a4",
                "d87b068d2051fecdf07b688a5228aca6",
                "9f51170d687544fb",
                "97918c332009f71e",
            ],
            [
                [0, 2],
                "3c831eb5a23962a5-766c7c97fa4a41fb",
                "59a84120d7281aa234a95f7056d74948",
                "c80b66572e2c2d0a",
                "d97e6f1fb75e0dd4",
            ],
            [
                [3],
                "766c7c97fa4a41fc-ffffffffffffffff",
                "c73949daa0c2ea03495a93330e285b0f",
                "480ef639c78ed70d",
                "dcbed12c435b87d8",
            ],
        ],
    },
    "generated": {
        "order": "e93d02e7e3c8dd008ea868943b4be68c",
        "contents": "123445430089672233803414873402063439126",
        "in_order": [[2, "845d64b5e5bbce2c"], [4, "c7a301adb79b1d16"], [5, "1c0e01bcf1ab9a1c"]],
        "shards": [
            [
                [0, 4],
                "0000000000000000-48e2ddb76df56f52",
                "37dab9080f9a344efd155f7306040529",
                "e7a280269cc689a0",
                "ff177867f979871f",
            ],
            [
                [2, 3],
                "48e2ddb76df56f53-6fc6356524722658",
                "f64da3c8ecefd4c1eb3970111b41a9b6",
                "266a6a5931478d15",
                "48965c5181d017ac",
            ],
            [
                [1],
                "6fc6356524722659-ffffffffffffffff",
                "84ce363d1d5581ee575d7b29a2c99b35",
                "f5fe6426f2486479",
                "3b01f25b8eb1a7df",
            ],
        ],
    },
    "both": {
        "order": "2292e8f42a2751dbf6dd5b25b9b411d2",
        "contents": "254564694621883745316224768845653503014",
        "in_order": [[2, "d281c19d102dd491"], [4, "f04d0c543d776f14"], [5, "83ed96bd504194e7"]],
        "shards": [
            [
                [0, 4],
                "0000000000000000-4568437f50f4fb9f",
                "fe852ac1307e4ab505dad825d91b2cdd",
                "1a2d15d96c868e79",
                "5ae33a86298949a5",
            ],
            [
                [2, 3],
                "4568437f50f4fba0-6fc6356524722658",
                "ff525078bac65169806fff1e6c4d9e3e",
                "bab11a5d443dcff1",
                "618c9af2b4137636",
            ],
            [
                [1],
                "6fc6356524722659-ffffffffffffffff",
                "84ce363d1d5581ee575d7b29a2c99b35",
                "f5fe6426f2486479",
                "3b01f25b8eb1a7df",
            ],
        ],
    },
}


@pytest.mark.parametrize("kind", FACTS)
def test_a_few_requests_are_known_by_the_same_values(kind):
    assert facts(requests(FEW, IS_NAMED[kind]), 2) == FACTS[kind]


SOME = {f"row-{place}" for place in range(0, MANY, 7)} | {f"{TOKEN}-{place}" for place in range(1, MANY, 11)}
DIGESTS = {
    "in several batches": ("bd855ac3019691979f33bc07f6a948578c4f561cec70a0dfa7732538f153fc37", 2000, None),
    "in one batch": ("0e0cf38920854b5ef599839f25597ab2ccc7f6558f1df31b7c6a95a9407c1deb", 20000, None),
    "some of them": ("fdb4189236ff677fd98d3143aeaf01d0e0b91ffd4f881c16676877725fb5b330", 500, SOME),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_thousands_of_requests_are_known_by_the_same_values(name):
    digest, limit, only = DIGESTS[name]
    found = facts(requests(MANY, lambda place: place % 3 > 0), limit, only)
    assert hashlib.sha256(json.dumps(found).encode()).hexdigest() == digest

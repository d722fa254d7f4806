"""Names that lie on disk are those that came in, each is found by its place and by itself, and repeats are told."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.submit import names as room
from airflow_provider_sam.batches.submit.names import Names, Places
from airflow_provider_sam.batches.submit.shards import key_of

GIVEN = st.lists(st.sampled_from(["", "a", "b" * 64, "request-3", *"cdef"]) | st.text("xyz", max_size=4), max_size=40)


@contextmanager
def laid(given, *, at_once=4096, bucket=1 << 15):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "AT_ONCE", at_once)
        patch.setattr(room, "BUCKET", bucket)
        names = Names()
        middle = len(given) // 2
        for name in given[:middle]:
            names.add(name)
        names.add_all(given[middle:])
        yield names
        names.close()


@given(given=GIVEN, at_once=st.integers(1, 9), bucket=st.integers(1, 9))
def test_names_are_read_and_found_and_told_apart(given, at_once, bucket):
    first = {name: place for place, name in reversed([*enumerate(given)])}
    with laid(given, at_once=at_once, bucket=bucket) as names:
        repeated = [(at, name, first[name]) for at, name in enumerate(given) if name and first[name] != at]
        assert list(names.repeated()) == repeated
        places = range(len(given))
        assert list(names.of(places)) == given
        assert list(names.of(places[1::3], token="t")) == [
            name or f"t-{2 + 3 * at}" for at, name in enumerate(given[1::3])
        ]
        assert list(names.keys) == [key_of(name or f"request-{at}") for at, name in enumerate(given, 1)]
        assert list(names.order) == sorted(places, key=names.keys.__getitem__)
        assert {name: names.find(name) for name in first if name} == {name: first[name] for name in first if name}
        assert [names.find(name) for name in ["", "request-1", "B", "a ", "\ud800"]] == [None] * 5


def test_two_names_with_one_hash_and_one_key_are_two_names(monkeypatch):
    monkeypatch.setattr(room, "hash", len, raising=False)
    monkeypatch.setattr(room, "key_of", len)
    with laid(["a", "b", "c", "b", "cc"]) as names:
        assert list(names.repeated()) == [(3, "b", 1)]
        assert [names.find(name) for name in ["a", "b", "c", "cc", "d"]] == [0, 1, 2, 4, None]
        assert list(names.order) == [0, 1, 2, 3, 4]


def test_a_file_that_somebody_else_has_cut_short_is_an_error():
    with laid(["a", "b"]) as names:
        assert list(names.of([0])) == ["a"]
        names._file.truncate(100)
        with pytest.raises(SamRequestError, match="holds the custom_ids was truncated"):
            list(names.of([0, 1]))


@given(st.lists(st.tuples(st.sampled_from([None, "", "a.jsonl", "b.jsonl"]), st.integers(0, 9), st.integers(1, 5))))
def test_a_place_is_known_by_its_run(runs):
    places, expected = Places(), []
    for name, number, length in runs:
        for line in range(number, number + length):
            places.add(len(expected), name, line)
            expected.append((name, line))
    assert [places.of(index) for index in range(len(expected))] == expected


def test_a_million_lines_are_one_run():
    places = Places()
    for first in range(0, 1_000_000, 1000):
        places.add(first, "a.jsonl", first + 1)
    assert places.of(999_999) == ("a.jsonl", 1_000_000)
    assert len(places._firsts) == 1

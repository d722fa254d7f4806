from __future__ import annotations

import asyncio
import json
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.jsonl import Line, LineSplitter, aiter_lines, iter_lines


def cut(data, places):
    """The same bytes in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([], []),
        ([b""], []),
        ([b"a"], [b"a"]),
        ([b"a\n"], [b"a"]),
        ([b"a", b"b\nc"], [b"ab", b"c"]),
        ([b"a\r\nb\r\n"], [b"a", b"b"]),
        ([b"a\r", b"\nb"], [b"a", b"b"]),
        ([b"a\n\n \n\t\r\nb"], [b"a", b"b"]),
        ([b"\r", b"\n", b"\r\n"], []),
        ([b"a\rb\n"], [b"a\rb"]),
        ([b"a\r"], [b"a"]),
        ([b" a "], [b" a "]),
        (["a\u2028b\u0085c\u2029d\x0b\x0c\x1c\n".encode()], ["a\u2028b\u0085c\u2029d\x0b\x0c\x1c".encode()]),
        (["\u2028\n".encode()], ["\u2028".encode()]),
    ],
)
def test_only_a_newline_ends_a_line_and_blank_lines_are_skipped(chunks, lines):
    assert [line.data for line in iter_lines(chunks)] == lines


def test_a_line_knows_its_number_and_where_it_begins():
    assert list(iter_lines([b"a\n\nbc\r", b"\n d"])) == [Line(1, 0, b"a"), Line(3, 3, b"bc"), Line(4, 7, b" d")]


def test_a_resumed_stream_counts_its_bytes_from_where_it_was_cut():
    splitter = LineSplitter(offset=100)

    assert splitter.feed(b"a\nb\n") == [Line(1, 100, b"a"), Line(2, 102, b"b")]


def test_nothing_is_left_after_the_last_line_was_taken():
    splitter = LineSplitter()
    splitter.feed(b"a")

    assert (splitter.flush(), splitter.flush()) == ([Line(1, 0, b"a")], [])


@given(
    values=st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
    last=st.booleans(),
    places=st.lists(st.integers(0, 10**6)),
)
def test_whatever_is_written_as_lines_is_read_as_lines_wherever_the_chunks_end(values, end, last, places):
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    data = (end.join(texts) + (end if last else "")).encode()

    lines = list(iter_lines(cut(data, places)))

    assert [json.loads(line.data) for line in lines] == values
    assert [data[line.offset : line.offset + len(line.data)] for line in lines] == [line.data for line in lines]


@given(data=st.binary(), places=st.lists(st.integers(0, 1000)))
def test_the_cuts_between_chunks_change_nothing_and_awaiting_neither(data, places):
    async def chunks():
        for chunk in cut(data, places):
            yield chunk

    async def awaited():
        return [line async for line in aiter_lines(chunks())]

    assert list(iter_lines(cut(data, places))) == list(iter_lines([data])) == asyncio.run(awaited())


def test_one_line_of_many_chunks_costs_time_in_proportion_to_its_bytes():
    def seconds(count):
        chunk, splitter = b"x" * 1000, LineSplitter()
        began = time.process_time()
        for _ in range(count):
            splitter.feed(chunk)
        assert len(splitter.flush()[0].data) == 1000 * count
        return time.process_time() - began

    seconds(1000)
    # Joining all pieces at each chunk would take 100 times as long for 10 times as many; the margin is for the machine.
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.001)

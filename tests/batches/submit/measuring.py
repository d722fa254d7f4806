"""A program that lays down and divides inputs of several sizes, and tells as JSON how much memory each took at most.

It forks for each, so that one costs no start of an interpreter, and no memory of the one before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.batches.submit.requests import Block, Part, PreparedBlock
from airflow_provider_sam.batches.submit.spool import Spool
from airflow_provider_sam.batches.submit.written import Shard
from airflow_provider_sam.rows.batch import PlainRows
from airflow_provider_sam.rows.requests.lines import request_lines
from airflow_provider_sam.rows.requests.recipe import Recipe
from airflow_provider_sam.rows.requests.reuse import Unanswered
from tests.batches.measuring import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEP = 5_000
"""Rows of a batch of rows, and lines of a block."""

PARAMS = {"model": "sam-small", "max_tokens": 5}


def of_rows(number: int) -> Iterator[PreparedBlock]:
    """Return the requests of a table, as a task reads them."""
    batches = (
        PlainRows.of([{"id": row, "text": f"Text {row}"} for row in range(first, first + STEP)], number=first + 1)
        for first in range(0, number, STEP)
    )
    recipe = Recipe(id_columns=["id"], prompt="What is {text}?", params=PARAMS)
    with Unanswered([], None, dedupe=False) as unanswered:
        yield from (PreparedBlock("", *block) for block in request_lines(batches, recipe, unanswered))


def of_lines(number: int) -> Iterator[Block]:
    """Return the requests of a JSONL file, as a task reads it."""
    line = '{"custom_id":"a-name-of-sixty-four-characters-%032d","params":%s}'
    params = json.dumps(PARAMS | {"messages": [{"role": "user", "content": "Hello"}]})
    for first in range(0, number, STEP):
        yield Block("", first + 1, "\n".join([line % (row, params) for row in range(first, first + STEP)]).encode())


def submitted(parts: Iterator[Part]) -> tuple[int, int]:
    """Do all that is done about an input but to send it; return the numbers of its requests and of its batches."""
    with Spool(Limits()) as spool:
        written = spool.write(parts)
        shards = [
            Shard(written=written, members=plan.members, keys=plan.keys, fingerprint="", token="3f9a1c5b7d2e")
            for plan, _ in written.divide([], betas=None)
        ]
        for shard in shards:
            assert sum(map(len, shard)) == shard.content_length
            assert shard.ids_digest
        return written.total, len(shards)


def measure(parts: Callable[[int], Iterator[Part]], number: int) -> None:
    """Lay down and divide once, and print a line of JSON."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before, began = memory("VmRSS"), time.process_time()
    requests, batches = submitted(parts(number))
    told = {"megabytes": memory("VmHWM") - before, "requests": requests, "batches": batches}
    sys.stdout.write(json.dumps(told | {"seconds": time.process_time() - began}) + "\n")
    sys.stdout.flush()


def main(kind: str, *numbers: str) -> None:
    """Measure inputs of these numbers of requests, all of one kind."""
    parts = {"rows": of_rows, "lines": of_lines}[kind]
    submitted(parts(STEP))  # loads what is loaded when it is needed
    for number in numbers:
        child = os.fork()
        if child == 0:
            measure(parts, int(number))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

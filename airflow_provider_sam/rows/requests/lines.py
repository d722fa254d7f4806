"""Requests of rows as lines of JSONL, in blocks that are sent as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_sam.rows.requests.recipe import iter_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.requests.recipe import Recipe
    from airflow_provider_sam.rows.requests.reuse import Unanswered

BLOCK_BYTES = 1 << 20
"""Bytes of lines after which a block is full; a recipe may make much of a short row."""


class RequestLines(NamedTuple):
    """Some requests that follow each other.

    :param number: of the first one, from 1.
    :param custom_ids: what they are called.
    :param lines: a line for each, without its end.
    """

    number: int
    custom_ids: list[str]
    lines: list[bytes]


def request_lines(batches: Iterable[RowBatch], recipe: Recipe, unanswered: Unanswered) -> Iterator[RequestLines]:
    """Return the requests that have to be sent, in blocks.

    :raises SamRequestError: a row makes no request, the message names it; or a row that was asked for is not there.
    """
    block, size = RequestLines(1, [], []), 0
    for _, requests in iter_requests(batches, recipe):
        for custom_id, params in unanswered.pick(requests):
            line = b'{"custom_id":"%b","params":%b}' % (custom_id.encode(), params)
            block.custom_ids.append(custom_id)
            block.lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield block
                block, size = RequestLines(block.number + len(block.lines), [], []), 0
    unanswered.check_found()
    if block.lines:
        yield block

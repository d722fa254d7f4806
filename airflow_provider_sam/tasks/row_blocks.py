"""Rows on their way into a submission: their requests as blocks of complete lines, without those already answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.batches.submit.requests import Block
from airflow_provider_sam.rows.recipe import iter_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.recipe import Recipe
    from airflow_provider_sam.rows.reuse import Unanswered

BLOCK_BYTES = 1 << 22
"""Bytes of lines after which a block is full; a recipe may make much of a short row."""


def blocks_of(batches: Iterable[RowBatch], recipe: Recipe, unanswered: Unanswered) -> Iterator[Block]:
    """Return the requests of rows that have to be sent.

    :raises SamRequestError: a row makes no request; the message names it.
    """
    lines: list[bytes] = []
    size = number = 0
    for _, requests in iter_requests(batches, recipe):
        for request in unanswered.pick(requests):
            line = b'{"custom_id":"%s","params":%s}' % (request.custom_id.encode(), request.params)
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield Block("", number + 1, b"\n".join(lines))
                number += len(lines)
                lines, size = [], 0
    if lines:
        yield Block("", number + 1, b"\n".join(lines))

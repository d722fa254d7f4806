"""Requests of rows as the lines of a JSONL file, in blocks that are sent as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.rows.recipe import iter_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.recipe import Recipe
    from airflow_provider_sam.rows.reuse import Unanswered

BLOCK_BYTES = 1 << 22
"""Bytes of lines after which a block is full; a recipe may make much of a short row."""


def request_lines(batches: Iterable[RowBatch], recipe: Recipe, unanswered: Unanswered) -> Iterator[tuple[int, bytes]]:
    """Return the requests that have to be sent, in blocks of lines: the number of the first, from 1, and the bytes.

    :raises SamRequestError: a row makes no request, the message names it; or a row that was asked for is not there.
    """
    lines: list[bytes] = []
    size, number = 0, 1
    for _, requests in iter_requests(batches, recipe):
        for request in unanswered.pick(requests):
            line = b'{"custom_id":"%s","params":%s}' % (request.custom_id.encode(), request.params)
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield number, b"\n".join(lines)
                number += len(lines)
                lines, size = [], 0
    unanswered.check_found()
    if lines:
        yield number, b"\n".join(lines)

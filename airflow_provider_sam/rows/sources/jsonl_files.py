"""Rows of a JSONL file: an object on each line, a column for each of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.batch import MOST_BYTES, MOST_ROWS, PlainRows
from airflow_provider_sam.rows.sources.files import lines_of
from airflow_provider_sam.rows.sources.streams import check_first

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_sam.rows.sources.files import RowFile

LONGEST_LINE = 64 << 20
"""Most bytes of a line."""


def read_jsonl(file: RowFile, columns: Collection[str] | None) -> Iterator[PlainRows]:
    """Return the rows of `file`; blank lines are none.

    :raises SamRequestError: a line is not a JSON object, or a column is in none of the first rows.
    """
    import msgspec

    decode = msgspec.json.Decoder(dict[str, Any]).decode
    rows: list[dict[str, Any]] = []
    number, size = 1, 0
    for line_number, line in enumerate(lines_of(file, LONGEST_LINE), 1):
        if line.isspace():
            continue
        try:
            rows.append(decode(line) | file.partitions)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SamRequestError(
                f"{file} row {number + len(rows)} (line {line_number}) is not a JSON object: {error}"
            ) from None
        size += len(line)
        if len(rows) == MOST_ROWS or size >= MOST_BYTES:
            yield _batch(file, rows, columns, number)
            number += len(rows)
            rows, size = [], 0
    if rows:
        yield _batch(file, rows, columns, number)


def _batch(file: RowFile, rows: list[dict[str, Any]], columns: Collection[str] | None, number: int) -> PlainRows:
    if number == 1:
        check_first(rows, columns, file)
    return PlainRows.of(rows, columns=columns, name=file.name, number=number)

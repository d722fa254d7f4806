"""A table of rows and their answers, written where result lines would be: one row for each that came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from airflow_provider_sam.api.jsonl import LineSplitter
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.tables import INVALID_OUTPUT, UNANSWERED
from airflow_provider_sam.exceptions import SamResultsError
from airflow_provider_sam.rows.answer_store import AnswerStore
from airflow_provider_sam.rows.answers import Answer, answer_of
from airflow_provider_sam.rows.batch import where
from airflow_provider_sam.rows.facts import RowFacts
from airflow_provider_sam.rows.join import AnswerColumns, check_names
from airflow_provider_sam.rows.recipe import iter_requests
from airflow_provider_sam.rows.reuse import is_good
from airflow_provider_sam.rows.row_columns import RowColumns
from airflow_provider_sam.rows.table_writers import table_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from airflow_provider_sam.api.jsonl import Line
    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.output_type import OutputType
    from airflow_provider_sam.rows.recipe import Recipe

PIECE_BYTES = 4 << 20
"""Bytes of result lines that are joined at a time."""

ADDED_AT_A_TIME = 1000

EXAMPLES = 3
"""How many rows an error names."""

NUMBER = "number"
CUSTOM_ID = "custom_id"


class Rows(Protocol):
    """Rows and their recipe, of a task that runs."""

    @property
    def recipe(self) -> Recipe:
        """What makes requests of the rows."""

    @property
    def output_type(self) -> OutputType | None:
        """Of the answers; None for text."""

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns whose values name a row."""

    def batches(self, columns: Collection[str] | None) -> Iterator[RowBatch]:
        """Read the rows from the first one on."""


@dataclass(frozen=True, kw_only=True)
class RowTable:
    """A table that is to be made of rows and their answers.

    :param columns: the columns of the rows that it takes over, or their names in the table by their names in the rows;
        None for those of the ids.
    :param on_unanswered: what to do about a row that nobody has answered: an error, or a row without answer.
    :param reused: returns the lines of earlier results, which count where no other answers a row.
    :raises SamRequestError: two of its columns would have one name.
    """

    rows: Rows
    columns: Sequence[str] | Mapping[str, str] | None = None
    on_unanswered: Literal["error", "keep"] = "error"
    reused: Callable[[], Iterable[bytes]] = tuple

    def __post_init__(self) -> None:
        """Refuse columns that would have one name."""
        typed = list(self.rows.output_type.columns if self.rows.output_type else ())
        check_names([*self.row_columns.values()], typed)

    @property
    def row_columns(self) -> dict[str, str]:
        """The columns of the rows that it takes over: their names in the rows, and in the table."""
        if isinstance(self.columns, Mapping):
            return dict(self.columns)
        return {name: name for name in (self.rows.id_columns if self.columns is None else self.columns)}

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says about a table before it is made."""
        return {
            "id_columns": list(self.rows.id_columns),
            "columns": [*self.row_columns.values()],
            "output_schema": self.rows.output_type.schema if self.rows.output_type else None,
        }

    def encoder(self, format: str, write: Callable[[bytes], object]) -> TableEncoder:  # noqa: A002 - the users' word
        """Return what makes the table of result lines."""
        return TableEncoder(self, format, write)


class TableEncoder:
    """Takes in result lines, and writes the table when all have come."""

    is_verbatim = False

    def __init__(self, table: RowTable, format: str, write: Callable[[bytes], object]) -> None:  # noqa: A002
        self._table = table
        self._format = format
        self._write = write
        self._store = AnswerStore(dedupe=table.rows.recipe.dedupe)
        self._splitter = LineSplitter()
        self._counts: dict[str, int] = {}
        self._row_facts = RowFacts()

    def add(self, chunk: bytes, /) -> None:
        """Take in a chunk."""
        self._add(self._splitter.feed(chunk))

    def close(self) -> None:
        """Join the answers to the rows, and write the table.

        :raises SamResultsError: rows have no answer, or the table does not hold one row for each.
        """
        self._add(self._splitter.flush())
        came = len(self._store)
        self._add_reused()
        self._store.flush()
        with RowColumns([*self._table.row_columns]) as columns:
            rows = self._spool(columns, came)
            written = self._write_table(columns)
        self._counts["dropped"] = self._store.unused(came)
        self.discard()
        if not rows == written == self._row_facts.rows:
            raise SamResultsError(f"{rows} rows came in, and the table has {written}; nothing was published")

    def discard(self) -> None:
        """Forget everything."""
        self._store.close()

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says about the written table, and about its rows."""
        return {"table": {**self._counts, **self._table.facts()}, **self._row_facts.facts()}

    def _add(self, lines: Sequence[Line]) -> None:
        results = ((line, tally(line)) for line in lines)
        found = ((result.custom_id, result.outcome, line.data) for line, result in results)
        self._store.add(each for each in found if each[1] != UNANSWERED)

    def _add_reused(self) -> None:
        waiting: list[tuple[str, str, bytes]] = []
        for line in self._table.reused():
            answer = answer_of(line)
            if is_good(answer, self._table.rows.output_type):
                waiting.append((answer.custom_id, answer.outcome, line))
            if len(waiting) == ADDED_AT_A_TIME:
                self._store.add(waiting)
                waiting = []
        self._store.add(waiting)

    def _spool(self, columns: RowColumns, came: int) -> int:
        """Find the answers to all rows; return how many rows there are.

        :param came: how many results are no reused ones.
        """
        import pyarrow as pa

        rows = reused = unanswered = 0
        examples: list[str] = []
        for batch, requests in iter_requests(self._table.rows.batches(self._needed()), self._table.rows.recipe):
            custom_ids = [request.custom_id for request in requests]
            numbers = self._store.find(custom_ids)
            columns.add(batch, {CUSTOM_ID: pa.array(custom_ids, pa.string()), NUMBER: pa.array(numbers, pa.int64())})
            rows += len(numbers)
            reused += sum(number is not None and number >= came for number in numbers)
            if None in numbers:
                missing = [index for index, number in enumerate(numbers) if number is None]
                unanswered += len(missing)
                examples += [where(batch, index) for index in missing[: EXAMPLES - len(examples)]]
        if unanswered and self._table.on_unanswered == "error":
            raise SamResultsError(_unanswered(unanswered, rows, examples))
        self._counts |= {"rows": rows, "reused": reused, "unanswered": unanswered}
        return rows

    def _needed(self) -> Collection[str] | None:
        read = self._table.rows.recipe.columns
        return None if read is None else list(dict.fromkeys([*read, *self._table.row_columns]))

    def _write_table(self, columns: RowColumns) -> int:
        """Write the spooled rows with their answers; return how many rows the file has."""
        import pyarrow as pa

        own, answered = columns.schema(), AnswerColumns(self._table.rows.output_type)
        names = self._table.row_columns
        schema = pa.schema([*(field.with_name(names[field.name]) for field in own), *answered.schema()])
        metadata = msgspec.json.encode(self._table.facts())
        texts = ["custom_id", "text", "error"]
        with table_writer(self._format, self._write, schema, texts=texts, metadata=metadata) as writer:
            for arrays, found in columns.read(own):
                for start, end in self._pieces(found[NUMBER]):
                    answers = self._answers(found[CUSTOM_ID][start:end], found[NUMBER][start:end])
                    judged, made = answered.make(answers)
                    self._row_facts.count(judged)
                    of_rows = [array.slice(start, end - start) for array in arrays]
                    writer.write(pa.RecordBatch.from_arrays([*of_rows, *made], schema=schema))
            return writer.close()

    def _pieces(self, numbers: Sequence[int | None]) -> Iterator[tuple[int, int]]:
        """Cut rows into pieces whose answers fit into memory."""
        start = begun = 0
        for end, size in enumerate(accumulate(self._store.sizes(numbers)), 1):
            if size - begun >= PIECE_BYTES or end == len(numbers):
                yield start, end
                start, begun = end, size

    def _answers(self, custom_ids: Sequence[str], numbers: Sequence[int | None]) -> list[Answer]:
        return [
            Answer(custom_id, UNANSWERED) if number is None else self._answer(custom_id, number)
            for custom_id, number in zip(custom_ids, numbers, strict=True)
        ]

    def _answer(self, custom_id: str, number: int) -> Answer:
        answer = answer_of(self._store.take(number))
        if answer.outcome == INVALID_OUTPUT and answer.error is not None:
            return answer._replace(custom_id=custom_id, error=answer.error.removeprefix(f"{INVALID_OUTPUT}: "))
        return answer if answer.custom_id == custom_id else answer._replace(custom_id=custom_id)


def _unanswered(count: int, rows: int, examples: Sequence[str]) -> str:
    return (
        f"{count} of {rows} rows have no answer, such as {', '.join(examples)}: they or what is asked about them have "
        "changed since they were submitted. Nothing was published. Clear the submitting task, which sends what has "
        "no answer, or keep such rows without one: on_unanswered='keep'"
    )

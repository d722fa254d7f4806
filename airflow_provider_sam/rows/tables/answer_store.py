"""Answers on disk, found by the row that they answer: result lines in a temporary file, and an index beside them."""

from __future__ import annotations

import os
import tempfile
from array import array
from typing import TYPE_CHECKING, Self

from airflow_provider_sam.rows.disk import temporary_database

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

REQUEST_AT = 29
"""Where in a row's custom_id the part begins that stands for its request; see `identity`."""


class AnswerStore:
    """Result lines, each under a number, by their custom_id. Nothing of it outlives the process.

    Use it as a context manager. What was added first is what counts, save that an answer goes before a failure.

    :param dedupe: whether a row that has no answer of its own has that of any row with the same request.
    """

    def __init__(self, *, dedupe: bool) -> None:
        self._dedupe = dedupe
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the store
        self._ends = array("Q", [0])
        self._used = bytearray()
        self._database = temporary_database()
        self._database.execute(
            "CREATE TABLE answers (request TEXT, is_failure INTEGER, row TEXT, number INTEGER, "
            "PRIMARY KEY (request, is_failure, row)) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")  # never ended: nothing of it is to stay

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._lines.close()
        self._database.close()

    def __len__(self) -> int:
        return len(self._used)

    def add(self, results: Iterable[tuple[str, str, bytes]]) -> None:
        """Add results: the custom_id, the outcome and the line of each."""
        rows = []
        for custom_id, outcome, line in results:
            request, row = custom_id[REQUEST_AT:], custom_id[:REQUEST_AT]
            rows.append((request, int(outcome != "succeeded"), row, len(self._used)))
            self._ends.append(self._ends[-1] + len(line))
            self._used.append(0)
            self._lines.write(line)
        self._database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)

    def find(self, custom_ids: Iterable[str]) -> list[int | None]:
        """Return the numbers of the results that belong to rows; None for one that nobody has answered."""
        return [self._find(custom_id[REQUEST_AT:], custom_id[:REQUEST_AT]) for custom_id in custom_ids]

    def _find(self, request: str, row: str) -> int | None:
        own = self._of_row(request, 0, row)
        if own is not None:
            return own
        own = self._of_row(request, 1, row)
        if not self._dedupe:
            return own
        if (shared := self._of_any_row(request, 0)) is not None:
            if own is not None:
                self._used[own] = 1  # the same question was asked again, and answered
            return shared
        return self._of_any_row(request, 1) if own is None else own

    def _of_row(self, request: str, is_failure: int, row: str) -> int | None:
        query = "SELECT number FROM answers WHERE request = ? AND is_failure = ? AND row = ?"
        found = self._database.execute(query, (request, is_failure, row)).fetchone()
        return None if found is None else int(found[0])

    def _of_any_row(self, request: str, is_failure: int) -> int | None:
        query = "SELECT number FROM answers WHERE request = ? AND is_failure = ? LIMIT 1"
        found = self._database.execute(query, (request, is_failure)).fetchone()
        return None if found is None else int(found[0])

    def sizes(self, numbers: Sequence[int | None]) -> list[int]:
        """Return how many bytes results have."""
        return [0 if number is None else self._ends[number + 1] - self._ends[number] for number in numbers]

    def take(self, number: int) -> bytes:
        """Return the line of a result, which from now on is used."""
        self._used[number] = 1
        start = self._ends[number]
        return os.pread(self._lines.fileno(), self._ends[number + 1] - start, start)

    def flush(self) -> None:
        """Make what was added ready to be taken."""
        self._lines.flush()

    def unused(self, before: int) -> int:
        """Count the results with lower numbers that no row has taken."""
        return self._used.count(0, 0, before)

"""The books of a table while its rows are written: how they came out, as a manifest says it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.batches.counting import OUTCOMES, ErrorCounts, count_into
from airflow_provider_sam.batches.tables import INVALID_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam.rows.answers import Answer


class RowFacts:
    """Counts rows by their outcomes. Only rows that succeeded are counted by their stop reasons too."""

    def __init__(self) -> None:
        self.rows = 0
        self._outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self._stop_reasons: Counter[str] = Counter()
        self._errors = ErrorCounts()

    def count(self, answers: Sequence[Answer]) -> None:
        """Count rows as they stand in the table."""
        self.rows += len(answers)
        count_into(self._outcomes, Counter([answer.outcome for answer in answers]))
        succeeded = [answer for answer in answers if answer.outcome == "succeeded"]
        count_into(self._stop_reasons, Counter([answer.stop_reason for answer in succeeded if answer.stop_reason]))
        for answer in answers:
            if answer.outcome == INVALID_OUTPUT:
                self._errors.add(INVALID_OUTPUT, answer.error or "")
            elif answer.error is not None:
                kind, _, message = answer.error.partition(": ")
                self._errors.add(kind, message)

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says about these rows, as JSON types."""
        return {
            "lines": self.rows,
            "counts": dict(self._outcomes),
            "stop_reasons": dict(self._stop_reasons.most_common()),
            "errors": self._errors.top(),
        }

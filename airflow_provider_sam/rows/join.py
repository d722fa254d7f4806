"""Rows and their answers become the rows of a table: typed, judged, one for each that came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.tables import ANSWER_COLUMNS, INVALID_OUTPUT
from airflow_provider_sam.rows.answers import Answer
from airflow_provider_sam.rows.output_type import InvalidOutputError
from airflow_provider_sam.rows.typed_columns import NOT_HELD, column_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from airflow_provider_sam.rows.output_type import OutputType
    from airflow_provider_sam.rows.typed_columns import ColumnType

Values = dict[str, Any]


def check_names(row_columns: Sequence[str], typed_columns: Sequence[str]) -> None:
    """Check that no two columns of a table have one name.

    :raises SamRequestError: two have; the message says what to do.
    """
    advice = {
        "row": "leave it out of columns, or give it another name with columns={name in the rows: name in the table}",
        "typed": "rename the property of output_type",
    }
    taken: dict[str, str] = dict.fromkeys(ANSWER_COLUMNS, "every table's own")
    for kind, names in (("typed", typed_columns), ("row", row_columns)):
        for name in names:
            if name in taken:
                raise SamRequestError(
                    f"the table would have two columns {name!r}: one is {taken[name]}; {advice[kind]}"
                )
            taken[name] = "a property of output_type" if kind == "typed" else "named in columns already"


class AnswerColumns:
    """The columns of a table that come from the answers.

    :param output_type: of the answers; None for text.
    """

    def __init__(self, output_type: OutputType | None) -> None:
        self._output_type = output_type
        schemas = output_type.columns if output_type else {}
        self._types: dict[str, ColumnType] = {name: column_type(schema) for name, schema in schemas.items()}

    def schema(self) -> pa.Schema:
        """Return the typed columns and those that every table has."""
        import pyarrow as pa

        typed = [(name, kind.arrow) for name, kind in self._types.items()]
        return pa.schema([*typed, *((name, getattr(pa, kind)()) for name, kind in ANSWER_COLUMNS.items())])

    def make(self, answers: Sequence[Answer]) -> tuple[list[Answer], list[pa.Array]]:
        """Judge answers; return them as they stand in the table, and its columns."""
        import pyarrow as pa

        judged = list(answers)
        values: list[Values | None] = [None] * len(judged)
        if self._output_type is not None:
            judged, values = self._judge(self._output_type, judged)
        typed = self._typed(judged, values)
        facts = zip(*judged, strict=True) if judged else [()] * len(Answer._fields)
        by_name = dict(zip(Answer._fields, facts, strict=True))
        own = [pa.array(by_name[name], getattr(pa, kind)()) for name, kind in ANSWER_COLUMNS.items()]
        return judged, [*typed, *own]

    def _judge(self, output_type: OutputType, answers: Sequence[Answer]) -> tuple[list[Answer], list[Values | None]]:
        judged: list[Answer] = []
        values: list[Values | None] = []
        for answer in answers:
            found: Values | None = None
            if answer.outcome in {"succeeded", INVALID_OUTPUT}:
                try:
                    found = output_type.read(answer.text or "")
                except InvalidOutputError as problem:
                    answer = _invalid(answer, problem.reason)  # noqa: PLW2901 - as it stands in the table
                else:
                    answer = answer._replace(outcome="succeeded", error=None) if answer.error else answer  # noqa: PLW2901
            judged.append(answer)
            values.append(found)
        return judged, values

    def _typed(self, judged: list[Answer], values: list[Values | None]) -> list[pa.Array]:
        """Return the typed columns; an answer with a value that one of them cannot hold becomes invalid."""
        try:
            return [kind.array(_column(values, name)) for name, kind in self._types.items()]
        except NOT_HELD:
            for index, found in enumerate(values):
                if found is not None and (reason := self._reason_against(found)) is not None:
                    judged[index], values[index] = _invalid(judged[index], reason), None
        return [kind.array(_column(values, name)) for name, kind in self._types.items()]

    def _reason_against(self, values: Values) -> str | None:
        for name, kind in self._types.items():
            if (reason := kind.reason_against(values.get(name))) is not None:
                return f"{name}: {reason}"
        return None


def _column(values: Sequence[Values | None], name: str) -> list[Any]:
    return [None if found is None else found.get(name) for found in values]


def _invalid(answer: Answer, reason: str) -> Answer:
    return answer._replace(outcome=INVALID_OUTPUT, error=reason)

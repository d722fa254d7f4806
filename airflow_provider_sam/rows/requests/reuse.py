"""No row is paid twice: which rows have an answer already, and which only repeat another row's question."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.answers import answer_of
from airflow_provider_sam.rows.disk import DiskSet
from airflow_provider_sam.rows.requests.identity import params_part
from airflow_provider_sam.rows.requests.output_type import InvalidOutputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from types import TracebackType

    from airflow_provider_sam.rows.answers import Answer
    from airflow_provider_sam.rows.requests.output_type import OutputType
    from airflow_provider_sam.rows.requests.recipe import RowRequest

EXAMPLES = 3
"""How many custom_ids an error names."""


def is_good(answer: Answer, output_type: OutputType | None, *, stop_reasons: Collection[str] = ()) -> bool:
    """Return whether an answer can stand for another time: it succeeded, and is what its type asks for.

    :param stop_reasons: answers that stopped for one of these are not.
    """
    if answer.outcome != "succeeded" or answer.stop_reason in stop_reasons:
        return False
    if output_type is None:
        return True
    try:
        output_type.read(answer.text or "")
    except InvalidOutputError:
        return False
    return True


@dataclass
class RowCounts:
    """What became of the rows.

    :param rows: how many came in.
    :param reused: how many have an answer from earlier.
    :param duplicates: how many ask what another row asks.
    """

    rows: int = 0
    reused: int = 0
    duplicates: int = 0

    def __str__(self) -> str:
        """Say it in a line of a log."""
        to_send = self.rows - self.reused - self.duplicates
        return (
            f"{self.rows:,} rows: {self.reused:,} answered earlier, {self.duplicates:,} ask what another row asks, "
            f"{to_send:,} to send"
        )


class Unanswered:
    """Picks the requests that have to be sent; use it as a context manager.

    :param lines: results of earlier publications.
    :param output_type: of the answers, if they have one.
    :param dedupe: whether rows that ask the same are asked once, and share an earlier answer.
    :param only: the custom_ids of the rows that are asked about at all; None for all.
    """

    def __init__(
        self,
        lines: Iterable[bytes],
        output_type: OutputType | None,
        *,
        dedupe: bool,
        stop_reasons: Collection[str] = (),
        only: Collection[str] | None = None,
    ) -> None:
        self.counts = RowCounts()
        self._dedupe = dedupe
        self._only = None if only is None else {self._key(name): name for name in sorted(only)}
        self._missing = dict(self._only or {})
        with ExitStack() as stack:
            self._answered = stack.enter_context(DiskSet())
            self._asked = stack.enter_context(DiskSet())
            answers = map(answer_of, lines)
            good = (each.custom_id for each in answers if is_good(each, output_type, stop_reasons=stop_reasons))
            self._answered.update(map(self._key, good))
            self._any_answered = len(self._answered) > 0
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def pick(self, requests: Iterable[RowRequest]) -> Iterator[RowRequest]:
        """Return those of some requests that are to be sent, and count all."""
        for request in requests:
            key = self._key(request.custom_id)
            if self._only is not None:
                if key not in self._only:
                    continue
                self._missing.pop(key, None)
            self.counts.rows += 1
            if self._any_answered and key in self._answered:
                self.counts.reused += 1
            elif self._dedupe and not self._asked.add(key):
                self.counts.duplicates += 1
            else:
                yield request

    def check_found(self) -> None:
        """Check, when all rows were looked at, that those which were to be asked about are there.

        :raises SamRequestError: some are not.
        """
        if self._missing:
            examples = ", ".join(repr(name) for name in islice(self._missing.values(), EXAMPLES))
            raise SamRequestError(
                f"{len(self._missing)} of the {len(self._only or ())} requests to send again are of no row, such as "
                f"{examples}: the rows, or what is asked about them, have changed since they were sent"
            )

    def _key(self, custom_id: str) -> str:
        return params_part(custom_id) if self._dedupe else custom_id

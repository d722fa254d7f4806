"""What an ended batch means: the event that crosses the triggerer, and the judgement that a task makes of it.

Nothing here does I/O. The event holds ids and counts only, never results and never a message's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from airflow_provider_sam.batches.summary import BatchSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENT_VERSION = 1

OnCanceled = Literal["fail", "skip", "succeed"]
Outcome = Literal["ended", "timeout", "error"]
Verdict = Literal["succeed", "skip", "fail"]


@dataclass(frozen=True, kw_only=True)
class BatchEvent:
    """What a trigger tells the task that waits: the outcome of the wait, and the batches as last seen."""

    outcome: Outcome
    batches: tuple[BatchSummary, ...] = ()
    message: str = ""
    version: int = field(default=EVENT_VERSION)

    def dump(self) -> dict[str, Any]:
        """Return the event as JSON types, for Airflow to carry."""
        return {
            "version": self.version,
            "outcome": self.outcome,
            "batches": [batch.dump() for batch in self.batches],
            "message": self.message,
        }

    @classmethod
    def load(cls, payload: object) -> Self:
        """Read what `dump` gave, of this version or an older one.

        :raises ValueError: nothing, or nothing known, arrived. An event that cannot be read is never a success.
        """
        if not payload:
            raise ValueError("the trigger fired no event")
        if not isinstance(payload, Mapping):
            raise ValueError(f"the trigger fired an unknown event: {type(payload).__name__}")  # noqa: TRY004 - Airflow's fault, not the caller's
        outcome = payload.get("outcome")
        if outcome not in ("ended", "timeout", "error") or payload.get("version") != EVENT_VERSION:
            fields_sent = sorted(map(str, payload))
            raise ValueError(f"the trigger fired an unknown event: {fields_sent}")
        try:
            batches = tuple(_load_summary(batch) for batch in payload["batches"])
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"the trigger fired an incomplete event: {problem}") from problem
        return cls(outcome=outcome, batches=batches, message=str(payload.get("message") or ""))


def _load_summary(payload: Mapping[str, Any]) -> BatchSummary:
    known = {item.name for item in fields(BatchSummary)}
    return BatchSummary(**{name: value for name, value in payload.items() if name in known})


@dataclass(frozen=True, kw_only=True)
class CompletionPolicy:
    """How a task judges batches that have ended.

    :param on_canceled: what a batch means that was canceled before any of its requests was answered: `fail`, `skip`
        or `succeed`. A batch that was canceled with some results is a success, for its results are paid for.
    """

    on_canceled: OnCanceled = "fail"

    def judge(self, batches: Iterable[BatchSummary]) -> tuple[Verdict, str]:
        """Decide what a task does about batches that have all ended, and say why."""
        canceled = [batch.id for batch in batches if batch.fully_canceled]
        if not canceled or self.on_canceled == "succeed":
            return "succeed", ""
        return self.on_canceled, f"canceled before any request was answered: {', '.join(canceled)}"

"""What is known of a batch's results: counted line by line while they stream, held against the API's own counts."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.tally import tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_sam.api.jsonl import Line
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.api.tally import LineTally

MANIFEST_VERSION = 1

OUTCOMES = ("succeeded", "errored", "canceled", "expired")
"""The result types that the API counts, in the order in which a manifest names them."""

TOP_ERRORS = 10
"""How many different errors a manifest names, the most frequent first."""

USAGE_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass
class Ledger:
    """The books of one batch's results while they stream: bytes and lines go in, a page of the manifest comes out."""

    size: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    stop_reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    usage: dict[str, Counter[str]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    _custom_ids: set[str] = field(default_factory=set)
    _hash: Any = field(default_factory=hashlib.sha256)

    @property
    def lines(self) -> int:
        """How many results were counted."""
        return self.outcomes.total()

    def add_bytes(self, data: bytes) -> None:
        """Count bytes as they go to the destination."""
        self.size += len(data)
        self._hash.update(data)

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Count whole lines.

        :raises SamResponseError: a line is no result; the message names its number and offset.
        """
        for line in lines:
            self._add(tally(line))

    def _add(self, result: LineTally) -> None:
        if result.custom_id in self._custom_ids:
            self.repeated.append(result.custom_id)
        self._custom_ids.add(result.custom_id)
        self.outcomes[result.outcome] += 1
        if result.stop_reason is not None:
            self.stop_reasons[result.stop_reason] += 1
        if result.usage is not None:
            counts = self.usage.setdefault(result.model or "", Counter())
            for name in USAGE_COUNTS:
                counts[name] += getattr(result.usage, name) or 0
        if result.error_type is not None:
            self.errors[result.error_type, result.error_message or ""] += 1

    def disagreements(self, counts: Mapping[str, int]) -> list[str]:
        """Say where the results and the API's `request_counts` differ; an empty list means that they agree.

        Result types that the API does not count yet are held against the total alone.
        """
        found = [
            f"{self.outcomes[name]} {name} instead of {counts[name]}"
            for name in OUTCOMES
            if self.outcomes[name] != counts[name]
        ]
        total = sum(counts[name] for name in OUTCOMES)
        if self.lines != total:
            found.append(f"{self.lines} results instead of {total}")
        if self.repeated:
            found.append(f"{len(self.repeated)} custom_ids more than once, such as {self.repeated[0]!r}")
        return found

    def page(self, batch: MessageBatch, path: str) -> dict[str, Any]:
        """Give what the manifest says about this batch."""
        return {
            "batch_id": batch.id,
            "path": path,
            "counts": dict.fromkeys(OUTCOMES, 0) | dict(self.outcomes),
            "lines": self.lines,
            "bytes": self.size,
            "sha256": self._hash.hexdigest(),
            "stop_reasons": dict(self.stop_reasons.most_common()),
            "usage": {model: dict(counts) for model, counts in sorted(self.usage.items())},
            "errors": [
                {"type": kind, "message": message, "count": count}
                for (kind, message), count in self.errors.most_common(TOP_ERRORS)
            ],
            "created_at": batch.created_at.isoformat(),
            "ended_at": batch.ended_at.isoformat() if batch.ended_at else None,
        }


def build_manifest(pages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the manifest of one or several batches: their pages, and the sums over them. It holds JSON types only."""
    pages = [dict(page) for page in pages]
    counts: Counter[str] = Counter()
    usage: dict[str, Counter[str]] = {}
    for page in pages:
        counts.update(page["counts"])
        for model, tokens in page["usage"].items():
            usage.setdefault(model, Counter()).update(tokens)
    return {
        "version": MANIFEST_VERSION,
        "batches": pages,
        "total": {
            "counts": dict(counts),
            "lines": sum(page["lines"] for page in pages),
            "bytes": sum(page["bytes"] for page in pages),
            "usage": {model: dict(tokens) for model, tokens in sorted(usage.items())},
        },
    }

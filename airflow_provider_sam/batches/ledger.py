"""The books of one batch's results while they stream: chunks go in, counted; a page of the manifest comes out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.jsonl import Line, LineSplitter
from airflow_provider_sam.api.tally import tally, tally_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_sam.api.tally import LineTally, UsageTally

OUTCOMES = ("succeeded", "errored", "canceled", "expired")
"""The result types that the API counts, in the order in which a manifest names them."""

USAGE_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

TOP_ERRORS = 10
"""How many different errors a manifest names, the most frequent first."""

MOST_ERRORS = 1000
"""How many different error messages are told apart: each may name its own row, and memory must not grow with them."""

OTHER_MESSAGES = "(other messages)"

EXAMPLES = 3
"""How many custom_ids an error names."""


class Ledger:
    """Counts results line by line.

    :param seen: custom_ids that stand in the same file already; those counted here are added to it.
    """

    def __init__(self, seen: set[str] | None = None) -> None:
        self.lines = 0
        self.size = 0
        self.outcomes: Counter[str] = Counter()
        self.stop_reasons: Counter[str] = Counter()
        self.repeated: list[str] = []
        self._errors: Counter[tuple[str, str]] = Counter()
        self._usage: dict[str, list[int]] = {}
        self._seen = set() if seen is None else seen
        self._tail: list[bytes] = []
        self._rows = 1  # the number of the line that the tail begins
        self._offset = 0  # where it begins, in bytes

    def add(self, chunk: bytes) -> None:
        """Count the lines that a chunk completes; chunks may be of any size.

        :raises SamResponseError: a line is no result; the message names its number and offset.
        """
        self.size += len(chunk)
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._tail.append(chunk)
            return
        block = b"".join([*self._tail, chunk[:end]])
        self._tail = [chunk[end:]]
        results = tally_block(block)
        if results is not None:
            self.count(results)
            self._rows += len(results)
        else:
            self.count(map(tally, self._splitter().feed(block)))
            self._rows += block.count(b"\n")
        self._offset += len(block)

    def close(self) -> None:
        """Count the last line, which may lack its line feed.

        :raises SamResponseError: it is torn.
        """
        self.count(map(tally, self._last()))
        self._tail = []

    def holds(self, total: int) -> bool:
        """Whether `total` results have come, the last one perhaps without its line feed."""
        if self.lines >= total or not any(self._tail):
            return self.lines >= total
        try:
            return self.lines + len([tally(line) for line in self._last()]) >= total
        except SamResponseError:
            return False

    def count(self, results: Iterable[LineTally]) -> None:
        """Count results that were read."""
        seen, outcomes = self._seen, self.outcomes
        for row in results:
            custom_id, result = row.custom_id, row.result
            if custom_id in seen:
                self.repeated.append(custom_id)
            else:
                seen.add(custom_id)
            outcomes[result.type] += 1
            if result.message is not None:
                if result.message.stop_reason is not None:
                    self.stop_reasons[result.message.stop_reason] += 1
                if result.message.usage is not None:
                    self._add_usage(result.message.model or "", result.message.usage)
            if result.error is not None:
                self._add_error(row.error_type or "", row.error_message or "")
            self.lines += 1

    def _add_usage(self, model: str, usage: UsageTally) -> None:
        sums = self._usage.get(model)
        if sums is None:
            sums = self._usage[model] = [0, 0, 0, 0]
        sums[0] += usage.input_tokens or 0
        sums[1] += usage.output_tokens or 0
        sums[2] += usage.cache_creation_input_tokens or 0
        sums[3] += usage.cache_read_input_tokens or 0

    def _add_error(self, kind: str, message: str) -> None:
        if (kind, message) not in self._errors and len(self._errors) >= MOST_ERRORS:
            message = OTHER_MESSAGES
        self._errors[kind, message] += 1

    def _splitter(self) -> LineSplitter:
        return LineSplitter(offset=self._offset, number=self._rows)

    def _last(self) -> list[Line]:
        splitter = self._splitter()
        return splitter.feed(b"".join(self._tail)) + splitter.flush()

    def disagreements(self, counts: Mapping[str, int]) -> list[str]:
        """Say where the results and the API's `request_counts` differ; an empty list means that they agree.

        Result types that the API does not count yet are held against the total alone.
        """
        total = sum(counts[name] for name in OUTCOMES)
        unknown = sum(number for name, number in self.outcomes.items() if name not in OUTCOMES)
        differing = [name for name in OUTCOMES if self.outcomes[name] != counts[name]]
        # A type that is new may be counted under any of the names that are not: then only a surplus is wrong.
        wrong = [name for name in differing if not unknown or self.outcomes[name] > counts[name]]
        found = [f"{self.outcomes[name]} {name} instead of {counts[name]}" for name in wrong]
        if self.lines != total:
            found.append(f"{self.lines} results instead of {total}")
        if self.repeated:
            examples = ", ".join(repr(name) for name in self.repeated[:EXAMPLES])
            found.append(f"{len(self.repeated)} custom_ids more than once, such as {examples}")
        return found

    def facts(self) -> dict[str, Any]:
        """Give what a manifest says about these results, as JSON types."""
        return {
            "counts": dict.fromkeys(OUTCOMES, 0) | dict(self.outcomes),
            "lines": self.lines,
            "stop_reasons": dict(self.stop_reasons.most_common()),
            "usage": {model: dict(zip(USAGE_COUNTS, sums, strict=True)) for model, sums in sorted(self._usage.items())},
            "errors": [
                {"type": kind, "message": message, "count": count}
                for (kind, message), count in self._errors.most_common(TOP_ERRORS)
            ],
        }

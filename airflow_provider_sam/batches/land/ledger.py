"""The books of one batch's results while they stream: chunks go in, counted; what a manifest says of them comes out."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.jsonl import Line, LineSplitter, line_feeds
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.tally import tally, tally_block
from airflow_provider_sam.batches.counting import OUTCOMES, ErrorCounts, count_into, room_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam.api.tally import LineTally, MessageTally, UsageTally
    from airflow_provider_sam.batches.manifest_types import Facts, OutcomeCounts

USAGE_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

EXAMPLES = 3
"""How many custom_ids an error names."""

LONGEST_CUSTOM_ID = 128
"""Characters of a `custom_id`, of which the API allows 64; memory must not grow with what a server makes up."""

BLANK_LINES = 1000
"""How many blank lines may come beside one for each result."""


class Ledger:
    """Counts results line by line.

    :param seen: custom_ids that stand in the same file already; those counted here are added to it.
    :param longest_line: bytes of a line, with its end, that are waited for.
    """

    def __init__(self, seen: set[str] | None = None, *, longest_line: int = Limits.max_result_line_bytes) -> None:
        self.lines = 0
        self.size = 0
        self.outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.stop_reasons: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.custom_ids: list[str] = []
        self._errors = ErrorCounts()
        self._usage: dict[str, dict[str, int]] = {}
        self._seen = set() if seen is None else seen
        self._longest_line = longest_line
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._rows = 1  # the number of the line that the tail begins
        self._offset = 0  # where it begins, in bytes

    def add(self, chunk: bytes) -> None:
        """Count the lines that a chunk completes; chunks may be of any size.

        :raises SamResponseError: a line is no result, or too long; the message names its number and offset.
        """
        self.size += len(chunk)
        first, last = chunk.find(b"\n") + 1, chunk.rfind(b"\n") + 1
        if not first:
            self._keep(chunk)
            return
        self._keep(chunk[:first])
        line, self._tail, self._tail_size = b"".join(self._tail), [], 0
        self._add_block(line, 1)
        self._add_block(memoryview(chunk)[first:last], line_feeds(chunk) - 1)  # a view: copying takes its time too
        self._keep(chunk[last:])

    def _keep(self, part: bytes) -> None:
        """Keep a part of a line until the line has come.

        :raises SamResponseError: it has become too long.
        """
        self._tail.append(part)
        self._tail_size += len(part)
        if self._tail_size > self._longest_line:
            self._tail = []
            raise SamResponseError(
                f"line {self._rows}, from byte {self._offset} on, has more than {self._longest_line} bytes; if "
                "results are that long, set a larger max_result_line_bytes in the connection",
                operation="stream_results",
            )

    def _add_block(self, block: bytes | memoryview, lines: int) -> None:
        results = tally_block(block, lines)
        if results is not None:
            self.count(results)
        else:
            for line in self._splitter().feed(bytes(block)):
                self.count([tally(line)])
        self._rows += lines
        self._offset += len(block)

    def close(self) -> None:
        """Count the last line, which may lack its line feed.

        :raises SamResponseError: it is torn.
        """
        self.count([tally(line) for line in self._last()])
        self._tail, self._tail_size = [], 0

    def holds(self, total: int) -> bool:
        """Whether `total` results have come, the last one perhaps without its line feed."""
        if self.lines >= total or not any(self._tail):
            return self.lines >= total
        try:
            return self.lines + len([tally(line) for line in self._last()]) >= total
        except SamResponseError:
            return False

    def exceeds(self, total: int) -> bool:
        """Whether there is more than a batch of `total` requests can have: results, or blank lines between them."""
        return self.lines > total or self._blank_lines > total + BLANK_LINES

    @property
    def _blank_lines(self) -> int:
        return max(0, self._rows - 1 - self.lines)  # the last result may have come without its line feed

    def count(self, results: Sequence[LineTally]) -> None:
        """Count results that were read."""
        self.lines += len(results)
        self._add_names([row.custom_id for row in results])
        count_into(self.outcomes, Counter([row.result.type for row in results]))
        messages = [message for row in results if (message := row.result.message) is not None]
        reasons = Counter([reason for message in messages if (reason := message.stop_reason) is not None])
        count_into(self.stop_reasons, reasons)
        self._add_usage(messages)
        for row in results:
            if row.result.error is not None:
                self._errors.add(row.error_type or "", row.error_message or "")

    def _add_names(self, names: Sequence[str]) -> None:
        if len(max(names, key=len, default="")) > LONGEST_CUSTOM_ID:
            name = next(name for name in names if len(name) > LONGEST_CUSTOM_ID)
            what = f"custom_id {name[:80]!r}... has {len(name)} characters, which no request of the API can have"
            raise SamResponseError(f"from line {self._rows} on: {what}", operation="stream_results")
        self.custom_ids += names
        fresh = set(names)
        if len(fresh) == len(names) and fresh.isdisjoint(self._seen):
            self._seen |= fresh
            return
        for name in names:
            if name in self._seen:
                self.repeated[name] += 1
            self._seen.add(name)

    def _add_usage(self, messages: Sequence[MessageTally]) -> None:
        used: defaultdict[str, list[UsageTally]] = defaultdict(list)
        for message in messages:
            if message.usage is not None:
                used[message.model or ""].append(message.usage)
        for model, usages in used.items():
            sums = self._usage.setdefault(room_for(model, self._usage), dict.fromkeys(USAGE_COUNTS, 0))
            for name in USAGE_COUNTS:
                sums[name] += sum(filter(None, map(attrgetter(name), usages)))

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
        if self._blank_lines > total + BLANK_LINES:
            found.append(f"{self._blank_lines} blank lines")
        if self.repeated:
            examples = ", ".join(repr(name) for name in islice(self.repeated, EXAMPLES))
            found.append(f"{self.repeated.total()} custom_ids more than once, such as {examples}")
        return found

    def facts(self) -> Facts:
        """Return what a manifest says about these results, as JSON types."""
        return {
            "counts": cast("OutcomeCounts", dict(self.outcomes)),
            "lines": self.lines,
            "stop_reasons": dict(self.stop_reasons.most_common()),
            "usage": {model: dict(sums) for model, sums in sorted(self._usage.items())},
            "errors": self._errors.top(),
        }

"""Two rounds become one file: what the second did not answer anew is carried over from the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.land.ledger import Ledger
from airflow_provider_sam.batches.land.reader import lines_of
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam.batches.land.sink import Sink
    from airflow_provider_sam.batches.manifest_types import CarriedOver, Facts, Manifest

CHUNK = 1024 * 1024
"""Bytes that are handed to the sink at a time."""


@dataclass(frozen=True)
class CarryOver:
    """The results of an earlier publication.

    :param manifest: of the earlier publication.
    :param conn_id: the connection of its object storage, where its paths name none.
    """

    manifest: Manifest
    conn_id: str | None = None

    def copy(self, sink: Sink, seen: set[str]) -> CarriedOver:
        """Add the results whose `custom_id` has not been seen; gives what the manifest says about them.

        :param seen: custom_ids that stand in the file already; those added here are added to it.
        :raises SamResultsError: the earlier files are not what their manifest says, or hold a `custom_id` twice.
        """
        ledger = Ledger(seen)
        sink.begin_part()
        answered = frozenset(seen)
        waiting = bytearray()
        for line in self._unanswered(answered, ledger):
            waiting += line + b"\n"
            if len(waiting) >= CHUNK:
                sink.write(bytes(waiting))
                waiting.clear()
        if waiting:
            sink.write(bytes(waiting))
        if ledger.repeated:
            raise SamResultsError(
                f"the results to carry over contain custom_id {next(iter(ledger.repeated))!r} more than once"
            )
        facts: Facts = ledger.facts()
        if self.manifest.get("table"):  # its lines tell the tokens of reused answers too, which were paid another time
            facts["usage"] = self.manifest["total"]["usage"]
        return {"files": list(self.manifest["files"]), **facts}

    @property
    def reused(self) -> int:
        """How many rows of the earlier table were answered by one that is earlier still."""
        table = self.manifest.get("table")
        return table["reused"] if table else 0

    def _unanswered(self, answered: frozenset[str], ledger: Ledger) -> Iterator[bytes]:
        for file in self.manifest["files"]:
            for line in lines_of(file, conn_id=self.conn_id):
                result = tally(line)
                if result.custom_id not in answered:
                    ledger.count((result,))
                    yield line.data

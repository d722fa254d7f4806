"""Which requests of a publication are worth sending once more: those that failed for no reason of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches import tables
from airflow_provider_sam.batches.land.reader import lines_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_sam.api.tally import LineTally
    from airflow_provider_sam.batches.manifest_types import Manifest

HOPELESS_ERRORS = frozenset(
    {
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
    }
)
"""Error types that the same request meets again. What is not known yet is worth a try."""


def is_worth_repeating(result: LineTally, *, stop_reasons: Collection[str] = ()) -> bool:
    """Decide whether a request with this result may come out better if it is sent again as it is.

    :param stop_reasons: succeeded results with one of these are repeated too.
    """
    match result.outcome:
        case "succeeded":
            return result.stop_reason in stop_reasons
        case "errored":
            return result.error_type not in HOPELESS_ERRORS
        case "expired" | "canceled" | tables.INVALID_OUTPUT | tables.UNANSWERED:
            return True
        case _:
            return False  # a type newer than we are: nobody knows whether it was answered, and paid


def failed_custom_ids(
    manifest: Manifest, *, stop_reasons: Collection[str] = (), conn_id: str | None = None
) -> set[str]:
    """Name the requests of a publication that are worth sending again; an empty set when there are none.

    The files are read only if the manifest says that there may be some.

    :param manifest: as `batches.manifest.read_manifest` gives it.
    :param stop_reasons: succeeded results with one of these are repeated too.
    :param conn_id: the connection of the object storage, where the manifest's paths name none.
    :raises SamResultsError: a file is not the one that was published.
    """
    total = manifest["total"]
    stopped = sum(total["stop_reasons"].get(reason, 0) for reason in stop_reasons)
    if not stopped and total["lines"] == total["counts"]["succeeded"]:
        return set()
    return {
        result.custom_id
        for file in manifest["files"]
        for result in map(tally, lines_of(file, conn_id=conn_id))
        if is_worth_repeating(result, stop_reasons=stop_reasons)
    }

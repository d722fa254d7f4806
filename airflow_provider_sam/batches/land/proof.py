"""Results are landed for the requests that were submitted: what a batch answers is held against what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.batches.ids import custom_ids_digest
from airflow_provider_sam.exceptions import SamResultsError, SamStateError, SamStateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.claims import Claim, Register


def claim_on(batch_id: str, register: Register | None, log: Logger) -> Claim | None:
    """Return what is known of a batch's submission; None where nothing is, or where this task can never read it.

    :raises SamStateUnavailableError: it may be read later.
    """
    if register is None:
        return None
    try:
        return register.find(batch_id)
    except SamStateError as problem:
        if isinstance(problem, SamStateUnavailableError) and not isinstance(problem.__cause__, PermissionError):
            raise
        log.warning("Cannot compare the custom_ids of batch %s with those submitted: %s", batch_id, problem)
        return None


def check_submitted(batch_id: str, custom_ids: Collection[str], claim: Claim | None) -> None:
    """Check that a batch's results are those of the requests that were submitted as this batch.

    :param claim: what was submitted; one of an earlier version does not know, and then nothing is checked.
    :raises SamResultsError: they are another's.
    """
    if claim is None or not claim.ids_digest:
        return
    if len(custom_ids) == claim.requests and custom_ids_digest(custom_ids) == claim.ids_digest:
        return
    example = min(custom_ids, default="none")
    raise SamResultsError(
        f"batch {batch_id} is held by task {claim.name} for its {claim.requests} requests, but has results of others: "
        f"{len(custom_ids)}, such as {example!r}. Nothing was published. Find the batch that bears that task's "
        "custom_ids, and clear the submitting task with adopt_batch_id set to it; or without it, with resubmit=True, "
        "if there is none"
    )

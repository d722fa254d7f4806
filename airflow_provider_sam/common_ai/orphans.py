"""A batch whose id was lost is found by its results: their custom_ids bear the task's key and its fingerprint."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamNotFoundError, SamResponseError
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.tally import tally
from airflow_provider_sam.batches.submit.decisions import (
    Attach,
    AwaitProof,
    Candidate,
    Create,
    LookAgain,
    ends_by,
    judge_window,
)
from airflow_provider_sam.exceptions import SamSubmissionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.progress import Logger

FINGERPRINT_CHARACTERS = 16
"""As much of the input's fingerprint as a custom_id bears, whose length the API limits to 64."""

CLOCKS_DIFFER_BY = timedelta(hours=1)
"""How far the worker's clock may be ahead of the API's. An older batch of the same task with the same input that is
found in that time answers the same questions."""

PAGE = 100


def custom_ids_of(key: str, fingerprint: str) -> str:
    """Return what the custom_ids of one submission begin with; the number of the request follows."""
    return f"{key}-{fingerprint[:FINGERPRINT_CHARACTERS].ljust(FINGERPRINT_CHARACTERS, '0')}-"


def find_orphan(
    client: SamClient,
    prefix: str,
    *,
    requests: int,
    not_before: str,
    visibility_timeout: float,
    sleep: Callable[[float], None],
    log: Logger,
) -> str | None:
    """Return the batch whose results bear custom_ids with `prefix`; None where there is certainly none.

    :param requests: how many it has.
    :param not_before: when the task was about to create it by the worker's clock, in ISO 8601.
    :param visibility_timeout: seconds for which it may be invisible.
    :raises SamSubmissionError: one may be it, and does not tell yet.
    """
    since = datetime.fromisoformat(not_before) - CLOCKS_DIFFER_BY if not_before else datetime.min.replace(tzinfo=UTC)
    looks, waited = 0, 0.0
    while True:
        candidates = [_described(client, batch, prefix) for batch in _newer(client, since) if batch.total == requests]
        looks += 1
        match judge_window(
            candidates[::-1],
            requests,
            looks=looks,
            waited=waited,
            visibility_timeout=visibility_timeout,
            now=time.time(),
        ):
            case Attach(batch_id, repeats):
                if repeats:
                    log.warning(
                        "%s has the same custom_ids as %s, and is paid for too", " and ".join(repeats), batch_id
                    )
                return batch_id
            case Create():
                return None
            case LookAgain(seconds):
                sleep(seconds)
                waited += seconds
            case AwaitProof(found):
                names = " and ".join(each.id for each in found)
                until = datetime.fromtimestamp(found[0].until, UTC).isoformat(timespec="minutes")
                raise SamSubmissionError(
                    f"{names} is a batch of {requests} requests that may be this task's. Its custom_ids tell once it "
                    f"has ended, at the latest at {until}; until then it is neither taken nor paid for again. Let the "
                    "task's retries reach until then, or clear it after that"
                )
            case undecided:
                raise SamSubmissionError(undecided.reason.partition(". Set adopt_batch_id")[0])


def _newer(client: SamClient, since: datetime) -> Iterator[MessageBatch]:
    """Return the batches created from that moment on that nobody has canceled, the newest first."""
    for batch in client.iter_batches(limit=PAGE):
        if batch.created_at < since:
            return
        if batch.cancel_initiated_at is None:
            yield batch


def _described(client: SamClient, batch: MessageBatch, prefix: str) -> Candidate:
    readable = batch.is_terminal and batch.archived_at is None
    return Candidate(
        batch.id,
        batch.total,
        is_ours=_bears(client, batch.id, prefix) if readable else None,
        ended=batch.is_terminal,
        until=ends_by(batch, None),
    )


def _bears(client: SamClient, batch_id: str, prefix: str) -> bool | None:
    """Return whether the first result bears a custom_id of ours; None where none can be read."""
    try:
        with client.stream_results(batch_id) as stream:
            for line in iter_lines(stream):
                return tally(line).custom_id.startswith(prefix)
    except (SamNotFoundError, SamResponseError):
        pass
    return None

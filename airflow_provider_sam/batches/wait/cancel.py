"""Cancels the batches of a wait that was given up, and says of each what came of it; no failure stops the others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamError
from airflow_provider_sam.batches.summary import BatchSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sam.api.client import AsyncSamClient, SamClient
    from airflow_provider_sam.api.models import MessageBatch
    from airflow_provider_sam.batches.progress import Logger

AT_ONCE = 4
"""Cancellations that are under way together."""

ASKED = "Asked to cancel batch %s"
NOT_CANCELED = "Could not cancel batch %s: %s"


def _say_asked(log: Logger, batch: MessageBatch) -> None:
    log.info(ASKED, BatchSummary.of(batch).describe())


def cancel_all(client: SamClient, batch_ids: Iterable[str], *, log: Logger, retry_for: float) -> None:
    """Ask for the cancellation of each batch, blocking.

    :param retry_for: seconds within which a call that failed may be repeated.
    """
    for batch_id in batch_ids:
        try:
            _say_asked(log, client.cancel_batch(batch_id, retry_for=retry_for))
        except SamError as error:
            log.warning(NOT_CANCELED, batch_id, error)


async def acancel_all(client: AsyncSamClient, batch_ids: Iterable[str], *, log: Logger, retry_for: float) -> None:
    """Ask for the cancellation of each batch that has not ended, several at once.

    :param retry_for: seconds within which a call that failed may be repeated.
    """
    turn = asyncio.Semaphore(AT_ONCE)

    async def cancel(batch_id: str) -> None:
        try:
            async with turn:
                if await _has_ended(client, batch_id):
                    return
                batch = await client.cancel_batch(batch_id, retry_for=retry_for)
        except SamError as error:
            log.warning(NOT_CANCELED, batch_id, error)
        else:
            _say_asked(log, batch)

    async with asyncio.TaskGroup() as cancellations:
        for batch_id in batch_ids:
            cancellations.create_task(cancel(batch_id))


async def _has_ended(client: AsyncSamClient, batch_id: str) -> bool:
    try:
        return (await client.get_batch(batch_id, retry_for=0)).is_terminal
    except SamError:
        return False  # the cancellation itself may get through

"""Every batch of a wait is asked to end; one that cannot be asked keeps none of the others."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_sam.api.client import AsyncSamClient, SamClient
from airflow_provider_sam.batches.wait.cancel import acancel_all, cancel_all
from airflow_provider_sam.emulator import Fault, Status
from tests.batches.connections import settings_of

LOG = logging.getLogger(__name__)
CANCEL = "messages_batches_cancel"


async def ask(emulator, ids, *, awaiting):
    """Ask for the end of batches in one of the two ways."""
    if awaiting:
        async with AsyncSamClient(settings_of(emulator)) as client:
            await acancel_all(client, ids, log=LOG, retry_for=0)
    else:
        with SamClient(settings_of(emulator)) as client:
            cancel_all(client, ids, log=LOG, retry_for=0)


@pytest.mark.parametrize("awaiting", [False, True], ids=["blocking", "awaiting"])
async def test_a_batch_whose_cancellation_is_refused_keeps_none_of_the_others(sam_emulator, create, caplog, awaiting):
    caplog.set_level("INFO")
    ids = create(3)
    sam_emulator.faults.add(Fault(Status(403), operation=CANCEL, path_contains=ids[1], times=None))
    await ask(sam_emulator, ids, awaiting=awaiting)
    status = {batch.id: batch.status for batch in sam_emulator.batches}
    assert [status[each] for each in ids] == ["canceling", "in_progress", "canceling"]
    assert [ids[1] in record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [True]


async def test_a_batch_that_cannot_be_looked_at_is_canceled_all_the_same(sam_emulator, create):
    ids = create(2)
    sam_emulator.faults.add(Fault(Status(503), operation="messages_batches_retrieve", times=None))
    await ask(sam_emulator, ids, awaiting=True)
    assert {batch.status for batch in sam_emulator.batches} == {"canceling"}


async def test_a_batch_that_has_ended_is_left_alone(sam_emulator, create):
    ids = create(2)
    sam_emulator.end_batch(ids[0])
    await ask(sam_emulator, ids, awaiting=True)
    assert sam_emulator.count(CANCEL) == 1

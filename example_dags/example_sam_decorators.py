"""Ask in the middle of a Dag, and send a batch, with decorated functions.

Each ticket is read by one message, whose answer is a typed object. Then one batch drafts a reply to each of them, and
the replies land in a table beside the tickets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pendulum
from airflow import DAG
from pydantic import BaseModel

from airflow_provider_sam.decorators import sam_batch, sam_message
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKETS = [
    {"id": 1, "ticket": "I was billed twice in May."},
    {"id": 2, "ticket": "Nothing loads any more. We go live tomorrow!"},
    {"id": 3, "ticket": "Do you have an office in Bonn?"},
]


class Triage(BaseModel):
    """Who takes care of a ticket."""

    team: Literal["billing", "technical", "other"]
    is_urgent: bool


with DAG(
    dag_id="example_sam_decorators",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    tags=["sam", "example"],
    doc_md=__doc__,
    params={"folder": "file:///tmp/example_sam_decorators"},
) as dag:

    @sam_message(model="sam-small", max_tokens=200, output_type=Triage)
    def triage(ticket: str) -> str:
        """Return a prompt; the task returns a `Triage` as JSON data."""
        return f"Which team is this ticket for, and is it urgent?\n\n{ticket}"

    @sam_batch(
        id_column="id",
        prompt="You are the {team} team. Reply to this ticket:\n\n{ticket}",
        defaults={"model": "sam-small", "max_tokens": 200},
        state_path="{{ params.folder }}/state",
    )
    def reply(triaged: Any) -> Iterator[dict[str, Any]]:
        """Yield rows, of which each becomes a request; the task returns the batch's id."""
        for ticket, facts in zip(TICKETS, triaged, strict=True):
            yield {**ticket, **facts}

    submit = reply(triage.expand(ticket=[each["ticket"] for each in TICKETS]))
    wait = SamBatchSensor(task_id="wait", batch_id=submit, poke_interval=2, deferrable=True)
    land = SamBatchToObjectStorageOperator(
        task_id="land",
        batch_id=submit,
        path="{{ params.folder }}/replies.parquet",
        rows=submit,
        columns=["id", "ticket", "team", "is_urgent"],
        state_path="{{ params.folder }}/state",
    )
    wait >> land

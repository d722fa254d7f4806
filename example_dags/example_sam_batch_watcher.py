"""Land the results of every batch of the workspace as soon as it ends, whoever created it; needs Airflow 3.

No task of this Dag waits, and no Dag that creates batches needs to: the asset's watcher looks at the workspace, and the
end of a batch starts a run. Where the files go is told by the Airflow variable `sam_results`. The Dag is paused at
first, because it serves all batches of the workspace: unpause it to begin to watch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, task
from airflow.sdk import Asset, AssetWatcher

from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.triggers.ended import SamBatchEndedTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping

batch_ended = Asset(
    "sam_batch_ended",
    watchers=[AssetWatcher(name="workspace", trigger=SamBatchEndedTrigger(poll_interval=5, min_succeeded=1))],
)

with DAG(
    dag_id="example_sam_batch_watcher",
    schedule=[batch_ended],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["sam", "example"],
    doc_md=__doc__,
):

    @task
    def ended_batches(triggering_asset_events: Mapping[Any, list[Any]]) -> list[str]:
        """Name the batches whose ends started this run: Airflow may gather several, and tell of one again."""
        ids = {event.extra["payload"]["id"] for events in triggering_asset_events.values() for event in events}
        if not ids:
            raise AirflowSkipException("Started by hand: no batch has ended")
        return sorted(ids)

    SamBatchToObjectStorageOperator(
        task_id="land_results",
        batch_id=ended_batches(),
        path="{{ var.value.get('sam_results', 'file:///tmp/example_sam_batch_watcher') }}/",
    )

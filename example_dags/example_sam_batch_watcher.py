"""Land the results of every batch of the workspace as soon as it ends, whoever created it; needs Airflow 3.

No task of this Dag waits, and no Dag that creates batches needs to: the asset's watcher looks at the workspace, and the
end of a batch starts a run. Where the files go is told by the Airflow variable `sam_results`. The Dag is paused at
first, because it serves all batches of the workspace: unpause it to begin to watch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, Variable, task

from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.triggers.ended import SamBatchEndedTrigger, ended_batches

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
    def files_to_land(triggering_asset_events: Mapping[Any, list[Any]]) -> list[dict[str, str]]:
        """Name the batches whose ends started this run, each once, and a file for each.

        An event names all batches that ended from one look to the next, and Airflow may gather several events into one
        run. An end may be told of again: a file that is complete is left as it is. A run that is started by hand lands
        nothing.
        """
        ids = [batch["id"] for batch in ended_batches(triggering_asset_events)]
        folder = Variable.get("sam_results", default="file:///tmp/example_sam_batch_watcher")
        return [{"batch_id": batch_id, "path": f"{folder}/{batch_id}.jsonl"} for batch_id in ids]

    SamBatchToObjectStorageOperator.partial(task_id="land_results").expand_kwargs(files_to_land())

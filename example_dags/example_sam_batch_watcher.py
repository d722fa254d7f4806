"""Land the results of every batch in the workspace as soon as it ends, whoever created it. Needs Airflow 3.

No task of this Dag waits, and no Dag that creates batches has to: the asset's watcher polls the workspace, and the end
of a batch starts a run. The Airflow variable `sam_results` names the folder for the results. The Dag is paused at
first, because it handles all batches in the workspace: unpause it to start watching.
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
        """Return the batches whose ends started this run, each once, with a file for each.

        An event names all batches that ended between two polls, and Airflow may combine several events into one run. A
        batch may be reported again: a file that is complete stays as it is. A run that is triggered by hand lands
        nothing.
        """
        ids = [batch["id"] for batch in ended_batches(triggering_asset_events)]
        folder = Variable.get("sam_results", default="file:///tmp/example_sam_batch_watcher")
        return [{"batch_id": batch_id, "path": f"{folder}/{batch_id}.jsonl"} for batch_id in ids]

    SamBatchToObjectStorageOperator.partial(task_id="land_results").expand_kwargs(files_to_land())

"""A program that submits what takes much memory, and tells as JSON which batches came of it and how much that took."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator
from tests.batches.measuring import memory

DEFAULTS = {"model": "sam-small", "max_tokens": 5}


def requests_at(path: Path) -> list[dict[str, object]]:
    """Read the requests, as an upstream task would hand them over."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main(kind: str, path: str, state: str) -> None:
    """Submit the requests in a file, by one operator or the other, with the defaults that they lack or without any."""
    defaults = DEFAULTS if "defaults" in kind else None
    arguments = {"task_id": "submit", "state_path": Path(state).as_uri(), "defaults": defaults}
    if kind.startswith("create"):
        operator = SamCreateBatchOperator(requests=requests_at(Path(path)), **arguments)
    else:
        operator = ObjectStorageToSamBatchOperator(path=Path(path).as_uri(), **arguments)
    object_storage_path(Path(state).as_uri()).exists()  # loads the file systems of all providers
    context = {"ti": SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1, max_tries=0)}
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = memory("VmRSS")
    found = operator.execute(context)
    sys.stdout.write(json.dumps({"megabytes": memory("VmHWM") - before, "batches": found}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

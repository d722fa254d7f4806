"""A program that lands batches, and tells as JSON what came of each, and by how much memory grew at most.

It forks for each landing, so that one costs no start of an interpreter, and no memory of the one before.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import pyarrow.parquet  # noqa: F401 - what the task loads is not the landing

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.land import publish as publishing
from airflow_provider_sam.batches.land.encoders import format_of
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.raw_server import BATCH_ID


def memory(name: str) -> float:
    """Read a figure of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def land(url: str, uri: str) -> None:
    """Land once, and print a line of JSON."""
    path = object_storage_path(uri)
    publication = publishing.Publication(batch_ids=[BATCH_ID], path=path, format=format_of(path.name, None))
    client = SamClient(ClientSettings(base_url=url, api_key="a-key"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before, error = memory("VmRSS"), ""
    try:
        publishing.publish(client, publication, log=logging.getLogger(__name__))
    except SamResultsError as problem:
        error = str(problem)
    sys.stdout.write(json.dumps({"megabytes": memory("VmHWM") - before, "error": error}) + "\n")
    sys.stdout.flush()


def main(*arguments: str) -> None:
    """Land from each server to each place: pairs of URLs and URIs."""
    object_storage_path("file:///").exists()  # loads the file systems of all providers, here and not in every child
    for url, uri in zip(arguments[::2], arguments[1::2], strict=True):
        child = os.fork()
        if child == 0:
            land(url, uri)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

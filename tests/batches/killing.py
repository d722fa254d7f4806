"""A program that lands the same batch again and again, and is killed at a random moment each time but the last.

It forks for each landing, so that a kill costs no start of an interpreter; it has no threads of its own when it does.
Its last line is JSON: how many landings were killed before they had ended, and what was wrong.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches import storage as staging
from airflow_provider_sam.batches.land.publish import Publication, publish
from tests.batches.raw_server import BATCH_ID

OVERTIME = 1.3
"""How much later than a landing usually ends it may be killed, in parts of its time."""


def land(client: SamClient, uri: str) -> None:
    """Land once."""
    publication = Publication(batch_ids=[BATCH_ID], path=object_storage_path(uri), overwrite="replace")
    publish(client, publication, log=logging.getLogger(__name__))


def visible(uri: str) -> bytes | None:
    """Read what is at the destination."""
    path = object_storage_path(uri)
    return path.read_bytes() if path.exists() else None


def land_and_compare(client: SamClient, uri: str, whole: bytes) -> None:
    """Land as the retry does, after a look at what the kill has left; and leave the destination empty."""
    left = visible(uri)
    if left not in {None, whole}:
        raise AssertionError(f"{len(left or b'')} bytes were visible after the kill")
    land(client, uri)
    if visible(uri) != whole:
        raise AssertionError("the retry did not land the same bytes")


def remove(uri: str) -> None:
    """Leave nothing at the destination."""
    for place in (uri, f"{uri}.manifest.json"):
        object_storage_path(place).unlink(missing_ok=True)


def in_child(action, kill_after: float | None = None) -> tuple[float, int]:
    """Run in a child; give the seconds and the wait status."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            logging.getLogger(__name__).exception("the child failed")
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return time.perf_counter() - began, status


def main(url: str, uri: str, kills: str, expected: str) -> None:
    """Kill a landing `kills` times, and let another follow each time."""
    staging.BLOCK_SIZE = 5 * 1024 * 1024  # the least that S3 allows, so that there are parts
    object_storage_path("file:///").exists()  # loads the file systems of all providers, here and not in every child
    rng = random.Random(6)
    client = SamClient(ClientSettings(base_url=url, api_key="a-key"))  # connects when it is first used, in a child
    whole = Path(expected).read_bytes()
    usual = min(in_child(lambda: land(client, uri))[0] for _ in range(3))
    killed = faults = 0
    for _ in range(int(kills)):
        status = in_child(lambda: land(client, uri), kill_after=rng.uniform(0, usual * OVERTIME))[1]
        killed += os.WIFSIGNALED(status)
        faults += in_child(lambda: (land_and_compare(client, uri, whole), remove(uri)))[1] != 0
    in_child(lambda: land(client, uri))
    sys.stdout.write(json.dumps({"killed": killed, "faults": faults}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A store as the tests see it: through the provider's connection, and past it, from outside."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_sam._compat import ObjectStoragePath, object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.exceptions import SamResultsError
from tests.batches.land.test_publish_faults import line
from tests.batches.raw_server import BATCH_ID, Answer, raw_server

MEBIBYTE = 1024 * 1024
BLOCK_SIZE = 5 * MEBIBYTE  # the least that S3 allows, so that there are parts
BUCKET = "lake"
RESULTS = "day/results.jsonl"
MANIFEST = f"{RESULTS}.manifest.json"
LINES = 18_000
COUNTS = {"succeeded": LINES}
WHOLE = b"".join(line(f"row-{number}") for number in range(LINES))
"""Results that need three parts of an upload."""


@dataclass(frozen=True)
class Store:
    """A bucket that was empty when the test began.

    :param root: its URI, with the Airflow connection in it
    :param files: a file system that shares nothing with the connection's
    """

    root: str
    files: Any

    @property
    def results(self) -> str:
        """The URI at which tests land."""
        return f"{self.root}/{RESULTS}"

    def path(self, name: str) -> ObjectStoragePath:
        """Return a path that goes through the connection."""
        return object_storage_path(f"{self.root}/{name}")

    def names(self) -> list[str]:
        """List what is visible."""
        self.files.invalidate_cache()
        return sorted(name.removeprefix(f"{BUCKET}/") for name in self.files.find(BUCKET))

    def read(self, name: str) -> bytes:
        """Read an object."""
        self.files.invalidate_cache()
        return self.files.cat_file(f"{BUCKET}/{name}")

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        self.files.pipe_file(f"{BUCKET}/{name}", data)

    def land(self, url: str, **more: Any) -> dict[str, Any]:
        """Publish what the server at `url` has."""
        publication = Publication(batch_ids=[BATCH_ID], path=object_storage_path(self.results), **more)
        with SamClient(ClientSettings(base_url=url, api_key="a-key")) as client:
            return publish(client, publication, log=logging.getLogger(__name__))

    def land_less_than_counted(self) -> None:
        """Land results that end early, after two parts were sent, onto earlier ones."""
        self.put(RESULTS, b"earlier")
        body = WHOLE[: WHOLE.index(b"\n", 2 * BLOCK_SIZE) + 1]
        with raw_server(COUNTS, Answer(body)) as server, pytest.raises(SamResultsError, match="instead of 18000"):
            self.land(server.url)

    def kill_a_writer(self, *names: str) -> None:
        """Let a process write two parts of each object, and kill it."""
        program = (
            "import os, signal, sys\n"
            "from airflow_provider_sam._compat import object_storage_path\n"
            "from airflow_provider_sam.batches import storage\n"
            f"storage.BLOCK_SIZE = {BLOCK_SIZE}\n"
            "for uri in sys.argv[1:]:\n"
            f"    storage.stage(object_storage_path(uri)).write(b'x' * {2 * BLOCK_SIZE + MEBIBYTE})\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        uris = [f"{self.root}/{name}" for name in names]
        done = subprocess.run([sys.executable, "-c", program, *uris], check=False, env=dict(os.environ))
        assert done.returncode == -9

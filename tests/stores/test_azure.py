"""On Azure, parts are the uncommitted blocks of a blob, which nobody sees and which its next commit throws away."""

from __future__ import annotations

import gc

import pytest
from fsspec.asyn import sync

from airflow_provider_sam.batches.storage import stage
from tests.batches.land.test_publish_kills import kill_often
from tests.batches.raw_server import Answer, raw_server
from tests.stores.store import BLOCK_SIZE, BUCKET, COUNTS, MANIFEST, RESULTS, WHOLE

pytestmark = [
    pytest.mark.stores,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # Azure's SDK does
]


def uncommitted(azure):
    """The blocks that were sent for the results, and are no part of them."""
    blob = azure.files.service_client.get_blob_client(BUCKET, RESULTS)
    return sync(azure.files.loop, blob.get_block_list, "uncommitted")[1]


@pytest.fixture(autouse=True)
def _none_uncommitted(azure):
    with azure.files.open(f"{BUCKET}/{RESULTS}", "wb") as file:  # its commit throws the blocks of others away
        file.write(b"x")
    azure.files.rm_file(f"{BUCKET}/{RESULTS}")


def test_a_mismatch_after_two_parts_keeps_what_was_there(azure):
    azure.land_less_than_counted()
    assert azure.names() == [RESULTS]
    assert azure.read(RESULTS) == b"earlier"


def test_what_a_killed_writer_sent_is_gone_when_the_retry_has_landed(azure):
    azure.kill_a_writer(RESULTS)
    assert len(uncommitted(azure)) == 3
    with raw_server(COUNTS, Answer(WHOLE)) as server:
        azure.land(server.url)
    assert uncommitted(azure) == []


def test_a_staged_file_that_is_forgotten_does_not_appear(azure):
    staged = stage(azure.path(RESULTS))
    staged.write(b"x" * (BLOCK_SIZE + 1))
    azure.path(RESULTS).fs.transaction.files.clear()  # there fsspec itself keeps it
    del staged
    gc.collect()
    assert azure.names() == []


def test_of_two_writers_the_first_to_commit_counts_and_the_other_fails(azure):
    first, second = stage(azure.path(RESULTS)), stage(azure.path(RESULTS))
    second.write(b"s" * 2 * BLOCK_SIZE)
    first.write(b"f" * 2 * BLOCK_SIZE)
    first.commit()
    with pytest.raises(Exception, match="block list is invalid"):
        second.commit()
    assert azure.read(RESULTS) == b"f" * 2 * BLOCK_SIZE


def test_six_kills_leave_nothing(azure, tmp_path):
    assert kill_often(tmp_path, azure.results, 6, whole=WHOLE, counts=COUNTS) >= 2
    assert azure.names() == [RESULTS, MANIFEST]
    assert uncommitted(azure) == []

"""A link leads to the batch's page in the console that the connection names, and nowhere without one."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_sam.api.errors import SamStatusError
from airflow_provider_sam.emulator import AfterLooks, OnDemand
from airflow_provider_sam.exceptions import SamResultsError
from airflow_provider_sam.get_provider_info import get_provider_info
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.links import batch as links
from airflow_provider_sam.links.batch import SamBatchLink, leave_link, page_of
from airflow_provider_sam.operators.batch import SamCancelBatchOperator, SamCreateBatchOperator, SamDeleteBatchOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator
from tests.commands import run_dag


@pytest.mark.parametrize(
    ("console_url", "page"),
    [
        ("https://console.example/batches/{batch_id}", "https://console.example/batches/msgbatch_1"),
        ("https://console.example/?b={batch_id}#{batch_id}", "https://console.example/?b=msgbatch_1#msgbatch_1"),
        ("https://console.example/batches", "https://console.example/batches"),
    ],
)
def test_the_page_is_the_console_s_with_the_batch_in_it(console_url, page):
    assert page_of(console_url, "msgbatch_1") == page


def test_an_id_cannot_leave_its_place_in_the_url():
    assert page_of("https://console.example/{batch_id}", "a/../b?c") == "https://console.example/a%2F..%2Fb%3Fc"


def test_a_connection_without_a_console_leaves_nothing(mocker):
    ti = mocker.Mock()
    leave_link({"ti": ti}, None, ["msgbatch_1"])
    assert ti.mock_calls == []


@pytest.fixture
def stored(mocker):
    """What Airflow reads of the XComs."""
    return mocker.patch.object(links.XCom, "get_value", return_value="https://console.example/left")


@pytest.mark.parametrize(("left", "url"), [("https://console.example/1", "https://console.example/1"), (None, "")])
def test_a_web_server_reads_the_link_that_the_task_left_behind(mocker, stored, left, url):
    mocker.patch.object(links, "TASKS_STORE_LINKS", new=False)
    stored.return_value = left
    assert SamBatchLink().get_link(None, ti_key="key") == url
    stored.assert_called_once_with(ti_key="key", key=links.XCOM_KEY)


@pytest.mark.parametrize(
    ("leave", "url", "reads"),
    [
        (lambda _: None, "", 0),
        (lambda context: leave_link(context, None, ["msgbatch_1"]), "", 0),
        (lambda context: leave_link(context, CONSOLE, []), "", 0),
        (lambda context: leave_link(context, CONSOLE, ["msgbatch_1"]), "https://console.example/batches/msgbatch_1", 0),
        (links.keep_link, "https://console.example/left", 1),
    ],
)
def test_a_task_that_stores_its_own_link_reads_only_what_an_earlier_worker_left(mocker, stored, leave, url, reads):
    mocker.patch.object(links, "TASKS_STORE_LINKS", new=True)
    task = wait("msgbatch_1", None)
    leave({"ti": TaskInstance(), "task": task})
    assert SamBatchLink().get_link(task, ti_key="key") == url
    assert stored.call_count == reads


def test_airflow_knows_the_link():
    assert get_provider_info()["extra-links"] == [f"{links.__name__}.SamBatchLink"]


CONSOLE = "https://console.example/batches/{batch_id}"
PARAMS = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
REQUESTS = [{"custom_id": "a", "params": PARAMS}]


class TaskInstance(SimpleNamespace):
    """What the tasks ask of a task instance."""

    def __init__(self):
        super().__init__(dag_id="dag", run_id="run", task_id="task", map_index=-1, max_tries=0, xcoms={})

    def xcom_push(self, key, value):
        self.xcoms[key] = value


@pytest.fixture
def batch_id(sam):
    """A batch that runs until it is ended."""
    sam.progress = OnDemand()
    with SamHook().client as client:
        return client.create_batch(REQUESTS).id


@pytest.fixture
def console(sam, monkeypatch):
    connection = json.loads(sam.connection_json) | {"extra": {"console_url": CONSOLE}}
    monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(connection))


def create(_batch_id, folder):
    return SamCreateBatchOperator(task_id="task", requests=REQUESTS, state_path=folder.as_uri())


def submit(_batch_id, folder):
    (folder / "in.jsonl").write_text(json.dumps(REQUESTS[0]))
    path = (folder / "in.jsonl").as_uri()
    return ObjectStorageToSamBatchOperator(task_id="task", path=path, state_path=folder.as_uri())


def wait(batch_id, _folder):
    return SamBatchSensor(task_id="task", batch_id=batch_id)


def land(batch_id, folder):
    return SamBatchToObjectStorageOperator(task_id="task", batch_id=batch_id, path=(folder / "out.jsonl").as_uri())


def cancel(batch_id, _folder):
    return SamCancelBatchOperator(task_id="task", batch_id=batch_id)


def delete(batch_id, _folder):
    return SamDeleteBatchOperator(task_id="task", batch_id=batch_id)


TASKS = [create, submit, wait, land, cancel, delete]


@pytest.mark.parametrize("make", TASKS)
@pytest.mark.usefixtures("console")
def test_every_task_with_a_batch_leads_to_it(sam, batch_id, tmp_path, make):
    ti = TaskInstance()
    task = make(batch_id, tmp_path)
    assert [link.name for link in task.operator_extra_links] == ["Sam batch"]
    if make is not cancel:
        sam.end_batch(batch_id)
    task.execute({"ti": ti})
    newest = sam.batches[-1].id if make in {create, submit} else batch_id
    assert ti.xcoms == {links.XCOM_KEY: CONSOLE.format(batch_id=newest)}


@pytest.mark.usefixtures("console")
@pytest.mark.parametrize(("make", "error"), [(land, SamResultsError), (delete, SamStatusError)])
def test_the_link_is_there_when_the_task_then_fails(batch_id, tmp_path, make, error):
    ti = TaskInstance()
    with pytest.raises(error):
        make(batch_id, tmp_path).execute({"ti": ti})
    assert ti.xcoms == {links.XCOM_KEY: CONSOLE.format(batch_id=batch_id)}


@pytest.mark.parametrize("make", TASKS)
def test_no_task_leaves_a_link_without_a_console(sam, batch_id, tmp_path, make):
    ti = TaskInstance()
    if make is not cancel:
        sam.end_batch(batch_id)
    make(batch_id, tmp_path).execute({"ti": ti})
    assert ti.xcoms == {}


@pytest.mark.usefixtures("console")
def test_a_landing_without_a_batch_leaves_no_link(sam, batch_id, tmp_path):
    ti = TaskInstance()
    sam.end_batch(batch_id)
    first = land(batch_id, tmp_path).execute({"ti": TaskInstance()})
    path = (tmp_path / "final.jsonl").as_uri()
    SamBatchToObjectStorageOperator(task_id="task", batch_id=[], carry_over=first, path=path).execute({"ti": ti})
    assert ti.xcoms == {}


DAG = """
import pendulum
from airflow.providers.common.compat.sdk import dag
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor

REQUESTS = [{"custom_id": "a", "params": {"model": "sam-small", "max_tokens": 5, "messages": []}}]


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1))
def links():
    create = SamCreateBatchOperator.partial(task_id="create").expand(requests=[REQUESTS, REQUESTS])
    SamBatchSensor.partial(task_id="wait", poke_interval=1, deferrable=True).expand(batch_id=create.output)


links()
"""


LINKS = """select task_id, value from xcom
    where key = ? and run_id = (select max(run_id) from dag_run where dag_id = 'links') and value not in ('', '""')"""
LINKS_BY_ATTEMPT = """select task_id, value from xcom_v2 join task_instance on task_instance.id = task_instance_id
    where key = ? and run_id = (select max(run_id) from dag_run where dag_id = 'links') and value not in ('', '""')"""
"""From Airflow 3.4 on."""


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("console_url", [None, CONSOLE])
def test_airflow_stores_the_link_of_each_mapped_task_and_misses_none(sam, tmp_path, console_url):
    (tmp_path / "links.py").write_text(DAG)
    sam.progress = AfterLooks(3)
    connection = json.loads(sam.connection_json) | {"extra": {"console_url": console_url}}
    said = run_dag(
        "links", sam, AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path), AIRFLOW_CONN_SAM_DEFAULT=json.dumps(connection)
    )
    assert "XCom not found" not in said
    assert "cannot be called outside" not in said
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db")) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
        rows = database.execute(LINKS_BY_ATTEMPT if "xcom_v2" in tables else LINKS, [links.XCOM_KEY])
        left = Counter((task_id, json.loads(value)) for task_id, value in rows)
    pages = {CONSOLE.format(batch_id=batch.id) for batch in sam.batches} if console_url else set()
    assert left == Counter((task_id, page) for task_id in ("create", "wait") for page in pages)

"""What is different between versions of Airflow is the same behind `_compat`."""

from __future__ import annotations

import contextvars
from importlib.metadata import version

import pytest

from airflow_provider_sam import _compat
from airflow_provider_sam._compat import (
    AirflowOptionalProviderFeatureException,
    ObjectStoragePath,
    object_storage_path,
)
from airflow_provider_sam.batches.land.reader import place_of
from airflow_provider_sam.batches.paths import storage_path
from airflow_provider_sam.triggers.ended import SamBatchEndedTrigger

PLACES = [
    ("file:///folder/x", None, "file:///folder/x"),
    ("file:///folder/x", "", "file:///folder/x"),
    ("file:///folder/x", "given", "file://given@/folder/x"),
    ("file://named@/folder/x", None, "file://named@/folder/x"),
    ("file://named@/folder/x@1", "given", "file://given@/folder/x@1"),
    ("/folder/x@1", None, "/folder/x@1"),
]
as_argument = pytest.mark.parametrize("kind", [str, ObjectStoragePath])


@as_argument
@pytest.mark.parametrize(("path", "conn_id", "place"), PLACES)
def test_a_connection_that_is_given_wins_over_the_one_in_a_path(path, conn_id, place, kind):
    assert str(object_storage_path(kind(path), conn_id)) == place


@as_argument
@pytest.mark.parametrize(
    ("path", "conn_id", "place"),
    [*PLACES[:4], ("file://named@/folder/x@1", "given", "file://named@/folder/x@1"), *PLACES[5:]],
)
def test_a_connection_in_the_path_of_something_published_wins(path, conn_id, place, kind):
    assert str(place_of(kind(path), conn_id)) == place


def test_an_airflow_that_cannot_open_paths_says_what_to_install(monkeypatch):
    def refuse(path):
        raise TypeError(f"detected protocol file which is incompatible: {path}")

    monkeypatch.setattr(_compat, "ObjectStoragePath", refuse)
    _compat._check_object_storage.cache_clear()
    with pytest.raises(AirflowOptionalProviderFeatureException, match=r"pip install 'universal-pathlib<0\.3'"):
        storage_path("file:///folder/x")
    monkeypatch.undo()
    assert str(storage_path("file:///folder/x")) == "file:///folder/x"


def test_a_watcher_says_which_airflow_it_needs():
    if version("apache-airflow").startswith("2."):
        with pytest.raises(AirflowOptionalProviderFeatureException, match=r"SamBatchEndedTrigger needs Airflow 3\.0"):
            SamBatchEndedTrigger()
    else:
        assert SamBatchEndedTrigger().poll_interval == 60


async def test_a_triggerer_asks_airflow_in_its_own_name_and_not_in_that_of_a_task_that_is_over(monkeypatch):
    name = contextvars.ContextVar("name", default="the triggerer")

    async def tell(message, **fields):
        return message, fields, name.get()

    monkeypatch.setattr(_compat, "tell_airflow", tell)
    name.set("the task")
    assert await _compat.ask_airflow("GetXCom", key="a") == ("GetXCom", {"key": "a"}, "the triggerer")

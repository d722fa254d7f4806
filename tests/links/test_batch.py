"""A link leads to the batch's page in the console that the connection names, and nowhere without one."""

from __future__ import annotations

import pytest

from airflow_provider_sam.get_provider_info import get_provider_info
from airflow_provider_sam.links import batch as links
from airflow_provider_sam.links.batch import SamBatchLink, leave_link, page_of
from airflow_provider_sam.sensors.batch import SamBatchSensor


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


@pytest.mark.parametrize(("left", "url"), [("https://console.example/1", "https://console.example/1"), (None, "")])
def test_the_link_is_what_the_task_left_behind(mocker, left, url):
    stored = mocker.patch.object(links.XCom, "get_value", return_value=left)
    assert SamBatchLink().get_link(None, ti_key="key") == url
    stored.assert_called_once_with(ti_key="key", key=links.XCOM_KEY)


def test_airflow_knows_the_link():
    assert get_provider_info()["extra-links"] == [f"{links.__name__}.SamBatchLink"]
    sensor = SamBatchSensor(task_id="wait", batch_id="msgbatch_1")
    assert [link.name for link in sensor.operator_extra_links] == ["Sam batch"]

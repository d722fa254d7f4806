"""A sensor may leave its beginning to the triggerer, where Airflow can; what it means stays the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_sam._compat import TRIGGERS_RENDER_TEMPLATES
from airflow_provider_sam.emulator import OnDemand
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.sensors.batch import SamBatchSensor

TIMED_OUT = ("__fail__", {"error": "Trigger timeout"})
"""How Airflow resumes a task whose wait has taken too long."""


def sensor(batch_id="msgbatch_1", **arguments):
    return SamBatchSensor(
        **{"task_id": "wait", "batch_id": batch_id, "deferrable": True, "start_from_trigger": True, **arguments}
    )


def test_it_begins_in_the_triggerer_where_airflow_renders_a_trigger_s_arguments():
    assert sensor().start_from_trigger is TRIGGERS_RENDER_TEMPLATES


@pytest.mark.parametrize(
    "arguments",
    [
        {"deferrable": False},
        {"execution_timeout": timedelta(hours=1)},
        {"start_from_trigger": False},
        {"batch_id": "{{ ti.xcom_pull('create') }}"},
        {"batch_id": ["msgbatch_1", "{{ ti.xcom_pull('create') }}"]},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_it_begins_on_a_worker_where_it_could_not_end_right_otherwise(arguments):
    assert sensor(**arguments).start_from_trigger is False


PULL = "{{ task_instance.xcom_pull(task_ids='create', key='return_value', map_indexes=-1) }}"


@pytest.mark.parametrize(
    ("made", "templates"),
    [
        (lambda _: "msgbatch_1", "msgbatch_1"),
        (lambda _: ["{{ a }}", "{{ b }}"], ["{{ a }}", "{{ b }}"]),
        (lambda create: create.output, PULL),
        (lambda create: [create.output, "x"], [PULL, "x"]),
    ],
    ids=["an id", "templates", "an output", "an output among others"],
)
def test_its_trigger_gets_templates_and_the_dependency_is_drawn(made, templates):
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        create = SamCreateBatchOperator(task_id="create", requests=["Hello"])
        waiting = sensor(made(create), poke_interval=5, timeout=90, cancel_on_kill=True)
    assert waiting.upstream_task_ids == ({"create"} if "xcom_pull" in str(templates) else set())
    expected = {
        "batch_id": templates,
        "sam_conn_id": "sam_default",
        "poll_interval": 5.0,
        "cancel_on_kill": True,
        "visibility_timeout": 900.0,
    }
    if TRIGGERS_RENDER_TEMPLATES:
        assert waiting.start_trigger_args.trigger_kwargs == expected
        assert waiting.start_trigger_args.timeout == timedelta(seconds=90)
    else:
        assert waiting.start_trigger_args is None


def test_the_outputs_of_mapped_tasks_are_waited_for_from_a_worker():
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        create = SamCreateBatchOperator.partial(task_id="create").expand(requests=[["Hello"], ["World"]])
        assert sensor(create.output).start_from_trigger is False


@pytest.fixture
def batch_id(sam, requests):
    sam.progress = OnDemand()
    with SamHook().client as client:
        return client.create_batch(requests).id


if TRIGGERS_RENDER_TEMPLATES:  # elsewhere Airflow ends no wait of ours, and would do it in another way

    @pytest.mark.parametrize("soft_fail", [False, True])
    @pytest.mark.parametrize("cancel", [True, False])
    def test_a_timeout_ends_it_as_every_sensor_and_cancels_where_asked(sam, batch_id, soft_fail, cancel):
        context = {"ti": SimpleNamespace(xcom_push=lambda **_: None)}
        with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout):
            sensor(batch_id, cancel_on_timeout=cancel, soft_fail=soft_fail).resume_execution(*TIMED_OUT, context)
        assert sam.batches[0].status == ("canceling" if cancel else "in_progress")

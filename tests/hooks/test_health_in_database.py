"""On Airflow 2 the database says how the triggerer does, and the newest heartbeat counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.jobs.job import Job
from airflow.utils.session import create_session
from airflow.utils.timezone import utcnow

from airflow_provider_sam._compat.triggerers import TriggererHealth, triggerer_health


def forget_triggerers():
    with create_session() as session:
        session.query(Job).filter(Job.job_type == "TriggererJob").delete()


@pytest.fixture
def heartbeat(database):  # noqa: ARG001 - it must be there
    """Stores a triggerer's job whose latest heartbeat came so many seconds ago, and gives the moment."""

    def heartbeat(seconds_ago, state="running"):
        seen = utcnow() - timedelta(seconds=seconds_ago)
        with create_session() as session:
            job = Job(latest_heartbeat=seen, state=state)
            job.job_type = "TriggererJob"
            session.add(job)
        return seen.isoformat()

    forget_triggerers()
    yield heartbeat
    forget_triggerers()


@pytest.mark.usefixtures("heartbeat")
def test_an_airflow_without_a_triggerer_says_so():
    assert triggerer_health() == TriggererHealth(status=None, latest_heartbeat=None)


def test_a_triggerer_is_healthy_as_long_as_its_heartbeats_come(heartbeat):
    seen = heartbeat(3600)
    assert triggerer_health() == TriggererHealth(status="unhealthy", latest_heartbeat=seen)
    seen = heartbeat(0)
    assert triggerer_health() == TriggererHealth(status="healthy", latest_heartbeat=seen)


def test_a_triggerer_that_was_stopped_is_not_healthy(heartbeat):
    seen = heartbeat(0, state="success")
    assert triggerer_health() == TriggererHealth(status="unhealthy", latest_heartbeat=seen)


def test_a_database_that_cannot_be_asked_tells_nothing(heartbeat, monkeypatch):
    heartbeat(3600)
    monkeypatch.setattr("airflow.settings.Session", None)
    assert triggerer_health() is None

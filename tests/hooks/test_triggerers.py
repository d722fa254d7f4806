"""A triggerer that is not running is named where Airflow tells; what Airflow does not tell is never guessed."""

from __future__ import annotations

import pytest

from airflow_provider_sam._compat.triggerers import TriggererHealth
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.hooks.triggerers import find_triggerer_problem, triggerer_problem

SEEN = "2026-11-25T14:00:03+00:00"


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (None, ""),
        (TriggererHealth(status="healthy", latest_heartbeat=SEEN), ""),
        (TriggererHealth(status="unhealthy", latest_heartbeat=None), ""),
        (TriggererHealth(status="of a later Airflow", latest_heartbeat=SEEN), ""),
        (TriggererHealth(status="unhealthy", latest_heartbeat=SEEN), SEEN),
        (TriggererHealth(status=None, latest_heartbeat=None), "No triggerer has ever been running"),
    ],
)
def test_a_problem_is_named_only_where_it_is_certain_and_says_what_to_do(health, said):
    problem = triggerer_problem(health)
    assert said in problem
    assert ("`airflow triggerer`" in problem) is bool(said)


@pytest.mark.parametrize("inline", [True, False])
def test_a_task_that_runs_its_triggers_itself_needs_no_triggerer(monkeypatch, inline):
    monkeypatch.setattr("airflow_provider_sam.hooks.triggerers.runs_triggers_itself", lambda _: inline)
    nobody = TriggererHealth(status=None, latest_heartbeat=None)
    monkeypatch.setattr("airflow_provider_sam.hooks.triggerers.triggerer_health", lambda: nobody)
    assert bool(find_triggerer_problem(object())) is not inline
    assert find_triggerer_problem()


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (None, False),
        (TriggererHealth(status="healthy", latest_heartbeat=SEEN), False),
        (TriggererHealth(status="unhealthy", latest_heartbeat=SEEN), True),
    ],
)
def test_the_connection_test_names_a_triggerer_that_is_not_running(sam, monkeypatch, health, said):
    monkeypatch.setattr("airflow_provider_sam.hooks.triggerers.triggerer_health", lambda: health)
    ok, message = SamHook().test_connection()
    assert ok, "the connection itself works"
    assert message.startswith("Connected to the Sam API. Available models: ")
    assert ("No triggerer is running" in message) is said
    assert len(sam.requests) == 1

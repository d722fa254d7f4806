"""What Airflow does after an error: by the policy where Airflow has policies, and in a task that really runs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES, AirflowOptionalProviderFeatureException
from airflow_provider_sam.api import errors
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.exceptions import SamBudgetError, SamResultsError
from tests.commands import Environment, dags_at

DAG = """
from datetime import datetime, timedelta

from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.operators.message import SamCountTokensOperator, SamCreateMessageOperator

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

MESSAGE = {"prompt": "Hello", "model": "sam-small"}
RETRIES = {
    "retries": 1,
    "retry_delay": timedelta(seconds=0),
    "on_failure_callback": lambda context: print("FAILED", context["ti"].task_id, flush=True),
    "on_retry_callback": lambda context: print("RETRIED", context["ti"].task_id, flush=True),
}

with DAG("failures", start_date=datetime(2026, 1, 1), schedule=None, default_args=RETRIES):
    SamCountTokensOperator(task_id="refused", **MESSAGE)
    SamCreateMessageOperator(task_id="limited", max_tokens=5, **MESSAGE)

    if TASKS_TAKE_RETRY_POLICIES:
        from airflow_provider_sam.retry_policies import SamRetryPolicy

        @task(retry_policy=SamRetryPolicy())
        def own():
            with SamHook().client as client:
                try:
                    client.create_message({"model": "sam-small"})
                except ValueError as problem:
                    raise RuntimeError("The night's work is not done") from problem

        own()
"""


def decided(error, *, retry_delay=None):
    """Return what the policy decides, as words: the action, and the delay in seconds where it sets one."""
    policies = importlib.import_module("airflow_provider_sam.retry_policies")
    context = None if retry_delay is None else {"task": SimpleNamespace(retry_delay=timedelta(seconds=retry_delay))}
    decision = policies.SamRetryPolicy().evaluate(error, 1, 3, context)
    return decision.action.value, decision.retry_delay and decision.retry_delay.total_seconds()


def limited(retry_after):
    return errors.SamRateLimitError("slow", status=429, retry_after=retry_after)


def raised_from(error):
    problem = RuntimeError("mine")
    problem.__cause__ = error
    return problem


DECISIONS = [
    (errors.SamRequestError("wrong"), None, ("fail", None)),
    (errors.SamAuthenticationError("no", status=401), None, ("fail", None)),
    (SamBudgetError("much"), None, ("fail", None)),
    (errors.SamAmbiguousSubmitError("open", cause=errors.SamTimeoutError("slow")), None, ("fail", None)),
    (raised_from(raised_from(errors.SamRequestError("wrong"))), None, ("fail", None)),
    (errors.SamConnectError("down"), None, ("default", None)),
    (SamResultsError("cut"), None, ("default", None)),
    (limited(None), None, ("default", None)),
    (limited(90), None, ("retry", 90)),
    (raised_from(limited(90)), None, ("retry", 90)),
    (limited(90), 60, ("retry", 90)),
    (limited(90), 300, ("default", None)),
    (limited(1e300), 300, ("retry", 30 * 86400)),
    (RuntimeError("mine"), None, ("default", None)),
]


@pytest.mark.parametrize(("error", "retry_delay", "decision"), DECISIONS)
def test_the_policy_does_what_the_error_says(error, retry_delay, decision):
    if TASKS_TAKE_RETRY_POLICIES:
        assert decided(error, retry_delay=retry_delay) == decision
    else:
        with pytest.raises(AirflowOptionalProviderFeatureException, match=r"needs Airflow 3\.3 or newer"):
            decided(error)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_a_running_task_ends_at_once_or_waits_as_told(sam, tmp_path):
    (tmp_path / "failures.py").write_text(DAG, encoding="utf-8")
    connection = sam.connection_json.replace("}", ', "extra": {"retry_for": 0.1}}')
    sam.faults.add(Fault(Status(401), operation="messages_count_tokens", times=None))
    sam.faults.add(Fault(Status(429, retry_after=2), operation="messages_create"))
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "test", "failures"],
        env=os.environ | Environment({"AIRFLOW_CONN_SAM_DEFAULT": connection} | dags_at(tmp_path)),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = done.stdout
    assert sam.count("messages_count_tokens") == 1, said
    assert "FAILED refused" in said
    assert "RETRIED limited" in said
    assert "FAILED limited" not in said
    first, second = (request for request in sam.requests if request.operation == "messages_create")
    if TASKS_TAKE_RETRY_POLICIES:
        assert second.when - first.when >= 2, said
        assert "FAILED own" in said
        assert "RETRIED own" not in said

"""What Airflow does after an error: by the policy where Airflow has policies, and in a task that really runs."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_sam import exceptions
from airflow_provider_sam._compat import TASKS_TAKE_RETRY_POLICIES, AirflowOptionalProviderFeatureException
from airflow_provider_sam.api import errors
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.exceptions import SamBudgetError, SamResultsError
from tests.commands import Environment, dags_at

DAGS = Path(__file__).with_name("dags")


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


def rows_of_the_docs():
    """Return what docs/retries.md says: the names of errors, and how the cell begins that says whether to retry."""
    text = (Path(__file__).parents[1] / "docs" / "retries.md").read_text(encoding="utf-8")
    for cells in re.findall(r"^\| (`Sam.*?) \| (yes|no)\b", text, flags=re.MULTILINE):
        for name in re.findall(r"`(Sam\w+)`", cells[0]):
            yield name, cells[1] == "yes"


def test_the_docs_say_of_every_error_whether_a_retry_may_succeed():
    classes = dict(inspect.getmembers(errors, inspect.isclass)) | dict(inspect.getmembers(exceptions, inspect.isclass))
    ours = {name: cls for name, cls in classes.items() if issubclass(cls, errors.SamError)}
    said = dict(rows_of_the_docs())
    assert set(ours) - set(said) == {"SamError", "SamTransportError"}  # never raised themselves
    assert said == {name: ours[name].retryable for name in said}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("database")
def test_a_running_task_ends_at_once_or_waits_as_told(sam):
    connection = sam.connection_json.replace("}", ', "extra": {"retry_for": 0.1}}')
    sam.faults.add(Fault(Status(401), operation="messages_count_tokens", times=None))
    sam.faults.add(Fault(Status(429, retry_after=2), operation="messages_create"))
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "dags", "test", "failures"],
        env=os.environ | Environment({"AIRFLOW_CONN_SAM_DEFAULT": connection} | dags_at(DAGS)),
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
        assert "FAILED translate" in said
        assert "RETRIED translate" not in said

"""The two operators that submit requests list their arguments for themselves, and agree in all that they share."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sam._compat import AirflowException, XComArg
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.message import SamCreateMessageOperator
from airflow_provider_sam.tasks.submit import BaseSamSubmitOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

CREATE = (SamCreateBatchOperator, {"requests": []})
SUBMIT = (ObjectStorageToSamBatchOperator, {"path": "/in.jsonl"})
both = pytest.mark.parametrize(("operator", "needed"), [CREATE, SUBMIT])

SHARED = [name for name in BaseSamSubmitOperator.__annotations__ if name[0] != "_" and name != "template_fields"]

ARGUMENT_OF = {"is_dry_run": "dry_run"}
"""Attributes that are called otherwise than their argument, whose name is that of a method of every operator."""


def arguments_of(operator):
    found = dict(inspect.signature(operator.__init__).parameters)
    del found["self"], found["kwargs"]
    return found


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_argument_is_the_same_in_both_and_what_the_base_says(name):
    argument = ARGUMENT_OF.get(name, name)
    one, other = (arguments_of(operator)[argument] for operator, _ in (CREATE, SUBMIT))
    assert one.default == other.default
    of_base = BaseSamSubmitOperator.__annotations__[name]
    # What is data is held by a `Verbatim`, which takes anything.
    of_base = one.annotation if of_base == "Verbatim" else of_base
    # One operator makes one batch, the other a list of them.
    differing = {"str | None", "str | Sequence[str] | None"} if name == "adopt_batch_id" else {one.annotation}
    assert {one.annotation, other.annotation, of_base} == differing


@both
def test_every_argument_is_documented_in_the_order_of_the_signature(operator, needed):  # noqa: ARG001
    assert re.findall(r":param (\w+):", operator.__doc__) == list(arguments_of(operator))


@both
def test_a_task_has_all_that_the_base_works_with(operator, needed):
    task = operator(task_id="task", **needed)
    assert [name for name in (*SHARED, *task.template_fields) if not hasattr(task, name)] == []
    assert task.template_fields[-len(BaseSamSubmitOperator.template_fields) :] == BaseSamSubmitOperator.template_fields


@both
def test_an_argument_that_is_misspelt_is_refused(operator, needed):
    with pytest.raises((TypeError, AirflowException), match="max_request"):
        operator(task_id="task", max_request=1, **needed)


@both
def test_default_args_reach_what_both_share(operator, needed):
    task = operator(task_id="task", default_args={"max_requests": 7, "state_path": "/state"}, **needed)
    assert (task.max_requests, task.state_path) == (7, "/state")


class Upstream(XComArg):
    """Stands for an upstream task's output."""

    operator = None

    def iter_references(self):
        yield self.operator, "return_value"

    def resolve(self, context, **_):
        return context["upstream"]


DEFAULTS = {"model": "sam-small", "max_tokens": 5, "system": "{{ ds }}"}


@pytest.mark.parametrize(
    "defaults",
    [DEFAULTS, Upstream(), lambda context: context["upstream"], {**DEFAULTS, "system": Upstream()}],
    ids=["mapping", "upstream output", "callable", "upstream output inside"],
)
@pytest.mark.parametrize("operator", [SamCreateBatchOperator, ObjectStorageToSamBatchOperator])
def test_defaults_of_each_kind_reach_the_requests_and_are_never_rendered(
    sam, tmp_path, monkeypatch, operator, defaults
):
    (tmp_path / "in.jsonl").write_text('"One"\n')
    is_one = operator is SamCreateBatchOperator
    given = {"requests": ["One"]} if is_one else {"path": (tmp_path / "in.jsonl").as_uri()}
    with DAG("data", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
        monkeypatch.setattr(Upstream, "operator", SamCreateMessageOperator(task_id="first", prompt="Hello"))
        task = operator(task_id="submit", defaults=defaults, state_path=(tmp_path / "state").as_uri(), **given)
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="submit", map_index=-1, max_tries=0)
    inside = isinstance(defaults, dict) and defaults is not DEFAULTS
    context = {"ti": ti, "upstream": DEFAULTS["system"] if inside else DEFAULTS}
    task.render_template_fields(context)
    task.execute(context)
    ((_, params),) = sam.batch_requests(sam.batches[0].id)
    assert params == {**DEFAULTS, "messages": [{"role": "user", "content": "One"}]}


@both
def test_defaults_from_upstream_draw_the_dependency(operator, needed):
    with DAG("data", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
        first = SamCreateMessageOperator(task_id="first", prompt="Hello", model="sam-small", max_tokens=5)
        task = operator(task_id="task", defaults=first.output, **needed)
    assert task.upstream_task_ids == {"first"}

"""Data reaches its task as it is: resolved where it comes from upstream, rendered never, shown never."""

from __future__ import annotations

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sam._compat import XComArg
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.message import SamCreateMessageOperator
from airflow_provider_sam.operators.verbatim import Verbatim


@pytest.fixture
def dag():
    return DAG("data", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))


def test_an_upstream_output_draws_the_dependency(dag):
    with dag:
        first = SamCreateMessageOperator(task_id="first", prompt="Hello", model="sam-small", max_tokens=5)
        second = SamCreateBatchOperator(task_id="second", requests=first.output)
        third = SamCreateMessageOperator(
            task_id="third", messages=[{"role": "user", "content": first.output}], model="sam-small", max_tokens=5
        )
    assert second.upstream_task_ids == third.upstream_task_ids == {"first"}


def test_an_upstream_output_draws_the_dependency_of_a_mapped_task(dag):
    with dag:
        first = SamCreateMessageOperator(task_id="first", prompt="Hello", model="sam-small", max_tokens=5)
        mapped = SamCreateBatchOperator.partial(task_id="mapped", requests=first.output).expand(betas=[["a"], ["b"]])
        expanded = SamCreateBatchOperator.partial(task_id="expanded").expand(requests=first.output)
    assert mapped.upstream_task_ids == expanded.upstream_task_ids == {"first"}


def test_braces_in_a_prompt_are_not_rendered(dag):
    prompt = "{{ var.value.x }} and {% raw %}"
    with dag:
        create = SamCreateBatchOperator(task_id="create", requests=[{"custom_id": "a", "params": {"x": prompt}}])
        message = SamCreateMessageOperator(task_id="message", prompt=prompt, system=prompt, model="{{ 1 + 1 }}")
    create.render_template_fields({})
    message.render_template_fields({})
    assert create.requests.read({}) == [{"custom_id": "a", "params": {"x": prompt}}]
    assert (message.prompt.read({}), message.system.read({}), message.model) == (prompt, prompt, "2")


class Upstream(XComArg):
    """Stands for an upstream task's output."""

    def __init__(self, value):
        self.value = value

    def iter_references(self):
        yield "operator", "return_value"

    def resolve(self, context, **_):
        return context["before"] + self.value


def test_upstream_outputs_are_resolved_wherever_they_stand_inside():
    value = Verbatim({"a": [Upstream("x"), "{{ a }}"], "b": (Upstream("y"),)})
    assert value.resolve({"before": "-"}).read({}) == {"a": ["-x", "{{ a }}"], "b": ["-y"]}


def test_data_without_upstream_outputs_is_not_copied():
    data = [{"custom_id": "a"}]
    assert Verbatim(data).resolve({}).read({}) is data


def test_a_callable_gives_the_data_when_the_task_runs():
    value = Verbatim(lambda context: [context["ds"]])
    assert value.resolve({"ds": "2026-01-01"}).read({"ds": "2026-01-02"}) == ["2026-01-02"]


def named(context):
    return context


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2, 3], "list of 3"),
        ("a secret prompt", "str of 15"),
        (named, "given by named"),
        (Upstream("x"), "given by an upstream task"),
        (None, "NoneType"),
    ],
)
def test_pages_show_only_what_kind_of_value_it_is(value, text):
    assert str(Verbatim(value)) == repr(Verbatim(value)) == text

"""Data reaches its task as it is: resolved where it comes from upstream, rendered never, shown never."""

from __future__ import annotations

import json

import jinja2
import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects
from airflow.serialization.helpers import serialize_template_field

from airflow_provider_sam._compat import XComArg
from airflow_provider_sam.operators.batch import SamCreateBatchOperator
from airflow_provider_sam.operators.message import SamCreateMessageOperator
from airflow_provider_sam.tasks.verbatim import Verbatim


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


@pytest.fixture
def compiled(monkeypatch):
    """The sources of the templates that Jinja compiles."""
    sources = []
    compile_template = jinja2.Environment.compile

    def note(self, source, *arguments, **options):
        sources.append(source)
        return compile_template(self, source, *arguments, **options)

    monkeypatch.setattr(jinja2.Environment, "compile", note)
    return sources


def many_requests():
    prompt = "{{ var.value.x }} and {% raw %}"
    return [
        {"custom_id": f"r{number}", "params": {"messages": [{"role": "user", "content": prompt}]}}
        for number in range(20_000)
    ]


def test_many_requests_add_nothing_to_rendering_and_next_to_nothing_to_pages_and_the_serialized_dag(dag, compiled):
    requests = many_requests()
    with dag:
        create = SamCreateBatchOperator(
            task_id="create", requests=requests, defaults={"system": "{{ x }}"}, max_requests="{{ 2 * 10000 }}"
        )
    create.render_template_fields({})
    assert compiled == ["{{ 2 * 10000 }}", create.sam_conn_id]
    assert create.max_requests == "20000"
    assert create.requests.read({}) is requests
    shown = {name: serialize_template_field(getattr(create, name), name) for name in create.template_fields}
    assert (shown["requests"], shown["defaults"]) == ("list of 20000", "dict of 1")
    assert len(json.dumps(shown)) < 500
    serialization = getattr(serialized_objects, "DagSerialization", serialized_objects.SerializedDAG)
    serialized = json.dumps(serialization.to_dict(dag))
    assert "list of 20000" in serialized
    assert len(serialized) < 5000


def test_many_requests_from_upstream_add_nothing_to_rendering_either(compiled):
    requests = many_requests()
    assert Verbatim(Upstream(requests)).resolve({"before": []}).read({}) == requests
    assert compiled == []


def test_the_data_is_searched_for_upstream_outputs_once():
    searched = []

    class Requests(list):
        def __iter__(self):
            searched.append(self)
            return super().__iter__()

    value = Verbatim({"a": Requests([{"b": Upstream("x")}])})
    assert [list(value.iter_references()) for _ in range(3)] == [[("operator", "return_value")]] * 3
    assert len(searched) == 1


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
        (None, ""),
    ],
)
def test_pages_show_only_what_kind_of_value_it_is(value, text):
    assert str(Verbatim(value)) == repr(Verbatim(value)) == text

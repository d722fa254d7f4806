"""What rounds hand on to each other is known when a task runs, since any of them may be skipped."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import AirflowSkipException, ResolveMixin
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.task_groups.rounds import EndedIds, Latest, RoundPath, round_path


class Output(ResolveMixin):
    """What a task has returned; None if it was skipped."""

    def __init__(self, value):
        self.value = value

    def iter_references(self):
        yield (self, "return_value")

    def resolve(self, context, **_):  # noqa: ARG002 - as Airflow calls it
        return self.value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://lake/day/out.parquet", "s3://lake/day/_rounds/round-2/out.parquet"),
        ("s3://conn@lake/out.jsonl.gz", "s3://conn@lake/_rounds/round-2/out.jsonl.gz"),
        ("file:///data/out", "file:///data/_rounds/round-2/out"),
    ],
)
def test_a_round_lands_beside_the_results_under_the_same_name(path, expected):
    assert round_path(path, 2) == expected


def test_a_directory_has_no_place_for_rounds():
    with pytest.raises(SamRequestError, match="'s3://lake/day/' is a directory; rows and several rounds make one file"):
        round_path("s3://lake/day/", 1)


@pytest.mark.parametrize("path", ["s3://lake/{{ ds }}.jsonl", Output("s3://lake/2026-01-01.jsonl")])
def test_the_place_of_a_round_is_that_of_the_rendered_path(path):
    task = SimpleNamespace(render_template=lambda value, _: getattr(value, "value", "s3://lake/2026-01-01.jsonl"))
    place = RoundPath(path, 1)
    assert place.resolve({"task": task}) == "s3://lake/_rounds/round-1/2026-01-01.jsonl"
    assert [output for output, _ in place.iter_references()] == ([path] if isinstance(path, Output) else [])
    assert str(RoundPath("s3://lake/{{ ds }}.jsonl", 1)) == "round 1 of s3://lake/{{ ds }}.jsonl"


@pytest.mark.parametrize(
    ("values", "expected"), [(["a", "b"], "b"), (["a", None], "a"), ([None, "b"], "b"), (["a", None, None], "a")]
)
def test_the_latest_landing_that_was_not_skipped_counts(values, expected):
    latest = Latest([Output(value) for value in values])
    assert latest.resolve({}) == expected
    assert len(list(latest.iter_references())) == len(values)


def test_the_last_landing_is_skipped_where_all_others_were():
    with pytest.raises(AirflowSkipException, match="No round has landed anything"):
        Latest([Output(None), Output(None)]).resolve({})


@pytest.mark.parametrize(
    ("ids", "ended", "expected"),
    [(["a"], [{"id": "a"}], ["a"]), ([], [], []), (["a"], None, None), (None, None, None)],
    ids=["ended", "nothing to send", "the wait was skipped", "the round was skipped"],
)
def test_batches_that_nobody_has_waited_for_do_not_land(ids, ended, expected):
    assert EndedIds(Output(ids), Output(ended)).resolve({}) == expected

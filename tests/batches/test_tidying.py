"""What is undone after a failure never hides it."""

from __future__ import annotations

import pytest

from airflow_provider_sam.batches.tidying import undone_by


def fail(problem):
    raise problem


def test_the_first_failure_is_raised_and_that_of_the_undoing_is_its_note():
    with pytest.raises(KeyError) as caught, undone_by(lambda: fail(OSError("disk full"))):
        fail(KeyError("first"))
    assert caught.value.__notes__ == ["The clean-up failed as well: OSError: disk full"]


def test_nothing_is_undone_where_nothing_fails():
    undone = []
    with undone_by(lambda: undone.append("undone")):
        pass
    assert undone == []

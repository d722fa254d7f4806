"""A wait doubles with each failure up to the longest, and jitter only makes it shorter."""

from __future__ import annotations

import pytest

from airflow_provider_sam.api.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [
        (1, 0.0, 0.5),
        (2, 0.0, 1.0),
        (3, 0.0, 2.0),
        (7, 0.0, 32.0),
        (8, 0.0, 60.0),
        (1, 1.0, 0.375),
        (3, 0.5, 1.75),
        (10_000, 0.0, 60.0),
        (10_000, 1.0, 45.0),
    ],
)
def test_a_wait_doubles_up_to_the_longest_less_its_jitter(failures, chance, seconds):
    assert Backoff(first=0.5, longest=60.0, jitter=0.25).seconds(failures, chance) == seconds


def test_without_jitter_chance_changes_nothing():
    assert Backoff(first=1.0, longest=15.0).seconds(3, 1.0) == 4.0

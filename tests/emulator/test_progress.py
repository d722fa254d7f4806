"""A batch ends by its rule, and no sooner."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator import AfterLooks, AfterSeconds, OnDemand


@pytest.mark.parametrize(
    ("progress", "elapsed", "looks", "canceling", "expected"),
    [
        (AfterSeconds(0.0), 0.0, 0, False, False),
        (AfterSeconds(0.0), 0.0, 1, False, True),
        (AfterSeconds(5.0), 4.9, 9, False, False),
        (AfterSeconds(5.0), 5.0, 0, False, True),
        (AfterSeconds(5.0), 1.0, 0, True, False),
        (AfterSeconds(5.0), 1.0, 1, True, True),
        (AfterLooks(3), 1e6, 2, False, False),
        (AfterLooks(3), 0.0, 3, False, True),
        (AfterLooks(3), 0.0, 0, True, False),
        (AfterLooks(3), 0.0, 1, True, True),
        (OnDemand(), 1e6, 1000, False, False),
        (OnDemand(), 1e6, 1000, True, False),
    ],
)
def test_a_batch_ends_by_its_rule(progress, elapsed, looks, canceling, expected):
    assert progress.has_ended(elapsed=elapsed, looks=looks, canceling=canceling) is expected

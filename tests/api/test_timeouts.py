from __future__ import annotations

import pytest

from airflow_provider_sam.api.timeouts import message_timeout, upload_timeout


@pytest.mark.parametrize(
    ("max_tokens", "floor", "seconds"),
    [
        (0, 60.0, 60.0),
        (-1, 60.0, 60.0),
        (None, 60.0, 60.0),
        ("many", 60.0, 60.0),
        (200, 60.0, 70.0),
        (8192, 60.0, 469.6),
        (64_000, 60.0, 3260.0),
        (1_000_000, 60.0, 3600.0),
        (200, 7200.0, 7200.0),
    ],
)
def test_a_long_generation_has_the_time_its_tokens_may_need_up_to_an_hour(max_tokens, floor, seconds):
    assert message_timeout(max_tokens, floor=floor) == seconds


@pytest.mark.parametrize(("length", "seconds"), [(0, 60.0), (1_000_000, 61.0), (256_000_000, 316.0)])
def test_a_large_batch_has_time_to_be_digested(length, seconds):
    assert upload_timeout(length, floor=60.0) == seconds

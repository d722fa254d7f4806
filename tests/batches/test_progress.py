"""The log says how far a landing is, every few seconds and at its end, and not more often."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_sam.batches.progress import INTERVAL, Progress, describe


@pytest.mark.parametrize(
    ("lines", "total", "size", "elapsed", "said"),
    [
        (250, 1000, 2_000_000, 10.0, "250 of 1000 results, 2.0 MB, 0.2 MB/s, about 30 s left"),
        (1000, 1000, 8_000_000, 40.0, "1000 of 1000 results, 8.0 MB, 0.2 MB/s"),
        (0, 1000, 500_000, 5.0, "0 of 1000 results, 0.5 MB, 0.1 MB/s"),
        (0, 0, 0, 0.0, "0 of 0 results, 0.0 MB, 0.0 MB/s"),
        (1001, 1000, 8_000_000, 40.0, "1001 of 1000 results, 8.0 MB, 0.2 MB/s"),
    ],
    ids=["half way", "done", "no line yet", "nothing", "more than said"],
)
def test_a_line_has_results_megabytes_speed_and_the_time_left(lines, total, size, elapsed, said):
    assert describe(lines, total, size, elapsed) == said


def test_something_is_said_every_few_seconds_and_at_the_end(caplog):
    caplog.set_level(logging.INFO, logger=__name__)
    now = 100.0
    progress = Progress(logging.getLogger(__name__), "msgbatch_1", 100, clock=lambda: now)
    for second in range(1, 13):
        now = 100.0 + second
        progress.note(second * 5, second * 1_000_000)
    progress.say(100, 20_000_000)
    assert INTERVAL == 5.0
    assert caplog.messages == [
        "Batch msgbatch_1: 25 of 100 results, 5.0 MB, 1.0 MB/s, about 15 s left",
        "Batch msgbatch_1: 50 of 100 results, 10.0 MB, 1.0 MB/s, about 10 s left",
        "Batch msgbatch_1: 100 of 100 results, 20.0 MB, 1.7 MB/s",
    ]

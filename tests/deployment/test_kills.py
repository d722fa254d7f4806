"""Tasks killed at random moments in a real Airflow leave the batches that were asked for: none twice, none missing."""

from __future__ import annotations

import pytest

from tests.deployment.kills import run

SEED = 20_260_101


@pytest.mark.deployment
@pytest.mark.timeout(1500)
def test_killed_tasks_leave_exactly_the_batches_that_were_asked_for(tmp_path):
    outcome = run(kills=8, seed=SEED, folder=tmp_path)
    assert outcome.wrong == []
    assert outcome.kills == 8

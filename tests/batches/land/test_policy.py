"""When landed results make a task fail, as a table."""

from __future__ import annotations

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.land.policy import ResultsPolicy

TOTAL = {
    "lines": 10,
    "counts": {"succeeded": 8, "errored": 1, "canceled": 0, "expired": 1},
    "stop_reasons": {"end_turn": 6, "max_tokens": 2},
    "errors": [{"type": "api_error", "message": "no", "count": 1}],
}
CLEAN = {**TOTAL, "counts": {"succeeded": 10, "errored": 0, "canceled": 0, "expired": 0}, "errors": []}


@pytest.mark.parametrize(
    ("policy", "total", "complaint"),
    [
        (ResultsPolicy(), TOTAL, None),
        (ResultsPolicy(fail_on_partial_error=True), CLEAN, None),
        (
            ResultsPolicy(fail_on_partial_error=True),
            TOTAL,
            "2 of 10 results failed (1 errored, 1 expired); allowed: none",
        ),
        (ResultsPolicy(max_failed_ratio=0.2), TOTAL, None),
        (ResultsPolicy(max_failed_ratio=0.19), TOTAL, "; allowed: 19.0%. 1 x api_error: no"),
        (ResultsPolicy(max_failed_ratio=0), TOTAL, "allowed: none"),
        (ResultsPolicy(max_failed_ratio=1, fail_on_partial_error=True), TOTAL, "allowed: none"),
        (ResultsPolicy(treat_stop_reasons_as_failed=["max_tokens"]), CLEAN, None),
        (
            ResultsPolicy(treat_stop_reasons_as_failed=["max_tokens"], max_failed_ratio=0.3),
            TOTAL,
            "4 of 10 results failed (1 errored, 1 expired, 2 stopped by max_tokens)",
        ),
        (ResultsPolicy(treat_stop_reasons_as_failed=["refusal"], fail_on_partial_error=True), CLEAN, None),
    ],
)
def test_failure_reason(policy, total, complaint):
    found = policy.failure_reason(total)
    assert (complaint in found) if complaint else found is None


@pytest.mark.parametrize("ratio", [-0.1, 1.1, 5])
def test_a_ratio_that_is_none_is_refused(ratio):
    with pytest.raises(SamRequestError, match="must be from 0 to 1"):
        ResultsPolicy(max_failed_ratio=ratio)


def test_a_lone_stop_reason_is_refused():
    with pytest.raises(SamRequestError, match=r"must be a list, got 'max_tokens'; write \['max_tokens'\]"):
        ResultsPolicy(treat_stop_reasons_as_failed="max_tokens")

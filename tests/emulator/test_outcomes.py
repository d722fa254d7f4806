"""How requests come out is decided by what was asked for, and counted from the same bytes."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.outcomes import Code, decide

VALID_INVALID_VALID = bytes([Code.SUCCEEDED, Code.INVALID, Code.SUCCEEDED])
NAMES = ["a", "b", "c"]


def codes(given=None, fate=None, share=1.0):
    return [
        Code(code).name
        for code in decide(VALID_INVALID_VALID, lambda: NAMES, given=given, fate=fate, share=share).codes
    ]


@pytest.mark.parametrize(
    ("given", "fate", "expected"),
    [
        (None, None, ["SUCCEEDED", "INVALID", "SUCCEEDED"]),
        (None, Code.EXPIRED, ["EXPIRED", "EXPIRED", "EXPIRED"]),
        ({"a": "errored"}, None, ["ERRORED", "INVALID", "SUCCEEDED"]),
        ({"a": "canceled", "b": "expired"}, None, ["CANCELED", "EXPIRED", "SUCCEEDED"]),
        ({"b": "succeeded"}, None, ["SUCCEEDED", "INVALID", "SUCCEEDED"]),
        ({"b": "errored"}, None, ["SUCCEEDED", "INVALID", "SUCCEEDED"]),
        ({"a": "succeeded"}, Code.CANCELED, ["SUCCEEDED", "CANCELED", "CANCELED"]),
        (lambda name: "expired" if name == "c" else None, None, ["SUCCEEDED", "INVALID", "EXPIRED"]),
    ],
)
def test_an_outcome_asked_for_wins_unless_the_request_is_invalid(given, fate, expected):
    assert codes(given, fate) == expected


def test_an_error_given_to_one_request_is_kept_for_its_line():
    error = {"type": "overloaded_error", "message": "Overloaded"}
    decisions = decide(VALID_INVALID_VALID, lambda: NAMES, given={"c": error})
    assert decisions.errors == {"c": error}
    assert decisions.counts()["errored"] == 2


def test_an_unknown_outcome_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="succeeded, errored, canceled, expired"):
        codes({"a": "lost"})


def test_a_share_meets_about_that_part_and_always_the_same_names():
    names = [f"row-{number}" for number in range(1000)]
    first, second = (
        decide(bytes(1000), lambda: names, given=None, fate=Code.CANCELED, share=0.3).codes for _ in range(2)
    )
    assert first == second
    assert 200 < first.count(Code.CANCELED) < 400


def test_the_counts_add_up_to_the_requests():
    decisions = decide(VALID_INVALID_VALID, lambda: NAMES, given={"a": "canceled"})
    assert decisions.counts() == {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 1, "expired": 0}

"""Results are held against what was submitted, wherever that is known."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_sam.batches.ids import custom_ids_digest
from airflow_provider_sam.batches.land.proof import check_submitted, claim_on
from airflow_provider_sam.batches.store.claims import Claim
from airflow_provider_sam.exceptions import SamResultsError, SamStateError, SamStateUnavailableError

IDS = ["a", "b"]


def claim(ids, requests=None):
    return Claim("owner", "dag.submit of run", "f", len(ids) if requests is None else requests, custom_ids_digest(ids))


@pytest.mark.parametrize("known", [None, Claim("owner", "dag.submit of run", "f"), claim(IDS), claim(["b", "a"])])
def test_the_same_ids_in_any_order_and_unknown_ones_pass(known):
    check_submitted("msgbatch_1", IDS, known)


@pytest.mark.parametrize("known", [claim(["a", "c"]), claim(["a"]), claim(IDS, requests=3)])
def test_other_ids_are_refused_with_whose_the_batch_is_and_what_to_do(known):
    with pytest.raises(SamResultsError, match=r"msgbatch_1 is held by task dag\.submit of run.*such as 'a'.*resubmit"):
        check_submitted("msgbatch_1", IDS, known)


class Unreadable:
    """A register that cannot be read."""

    def __init__(self, problem):
        self.problem = problem

    def find(self, _):
        raise self.problem


def unavailable(cause):
    problem = SamStateUnavailableError("the register could not be read")
    problem.__cause__ = cause
    return problem


@pytest.mark.parametrize("problem", [SamStateError("no claim"), unavailable(PermissionError("not yours"))])
def test_a_register_that_can_never_be_read_is_said_and_stops_nobody(problem, caplog):
    assert claim_on("msgbatch_1", Unreadable(problem), logging.getLogger(__name__)) is None
    assert "Cannot compare the custom_ids of batch msgbatch_1" in caplog.text


def test_a_register_that_is_away_for_a_moment_is_worth_a_retry():
    with pytest.raises(SamStateUnavailableError):
        claim_on("msgbatch_1", Unreadable(unavailable(ConnectionError())), logging.getLogger(__name__))

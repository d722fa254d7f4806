"""When to look, at what, and what a failure means: each decision as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api import errors
from airflow_provider_sam.batches.pacing import (
    BEYOND,
    JITTER,
    LONGEST_PAUSE,
    PAGE,
    SPREAD,
    next_due,
    page_limit,
    pages_to_list,
    pause,
    reaction_to,
    wakes_at,
    worth_another_page,
)
from airflow_provider_sam.exceptions import SamConnectionConfigError


def status(code, kind=errors.SamStatusError, **fields):
    return kind("no", status=code, **fields)


@pytest.mark.parametrize(
    ("error", "reaction"),
    [
        (errors.SamConnectError("refused"), "back off"),
        (errors.SamTimeoutError("slow"), "back off"),
        (errors.SamDisconnectedError("cut"), "back off"),
        (errors.SamResponseError("a page of a proxy"), "back off"),
        (status(408), "back off"),
        (status(429, errors.SamRateLimitError, retry_after=120), "back off"),
        (status(500, errors.SamServerError), "back off"),
        (status(504, errors.SamGatewayTimeoutError), "back off"),
        (status(529, errors.SamOverloadedError), "back off"),
        (status(404, errors.SamNotFoundError), "ask again"),
        (status(409, errors.SamConflictError), "ask again"),
        (status(401, errors.SamAuthenticationError), "reconnect"),
        (status(403, errors.SamPermissionError), "reconnect"),
        (status(400, errors.SamInvalidRequestError), "drop"),
        (status(422, errors.SamUnprocessableError), "drop"),
        (errors.SamRequestError("no id"), "drop"),
        (status(302, errors.SamRedirectError), "give up"),
        (status(402, errors.SamBillingError), "give up"),
        (errors.SamError("unheard of"), "give up"),
    ],
)
def test_a_failure_of_a_look_means_one_thing(error, reaction):
    assert reaction_to(error) == reaction


def test_a_connection_that_cannot_be_used_is_never_waited_for():
    assert reaction_to(SamConnectionConfigError("no host")) not in {"ask again", "back off", "reconnect"}


@pytest.mark.parametrize(
    ("deadline", "chance", "due"),
    [
        (1000, 0.0, 110.0),
        (1000, 1.0, 110.0 - 10 * JITTER),
        (105, 0.0, 105.0),  # the last look falls on the deadline
        (90, 0.0, 100.0),  # a wait that was taken over after its deadline looks at once
    ],
)
def test_the_next_look_comes_within_the_interval_and_not_after_the_deadline(deadline, chance, due):
    assert next_due(now=100.0, interval=10.0, deadline=deadline, chance=chance) == due


@pytest.mark.parametrize(
    ("failures", "interval", "asked_for", "chance", "seconds"),
    [
        (1, 10, None, 0.0, 10),
        (2, 10, None, 0.0, 20),
        (4, 10, None, 0.0, 80),
        (5, 10, None, 0.0, LONGEST_PAUSE),
        (999, 10, None, 0.0, LONGEST_PAUSE),
        (3, 300, None, 0.0, 300),  # never more often, and never later, than an interval that is long by itself
        (2, 10, None, 1.0, 20 - 20 * JITTER),
        (1, 10, 120.0, 0.0, 120),
        (1, 10, 120.0, 1.0, 120 + SPREAD),
        (9, 10, 0.0, 0.0, 0),
    ],
)
def test_a_pause_doubles_and_the_server_s_word_is_law(failures, interval, asked_for, chance, seconds):
    assert pause(failures=failures, interval=interval, asked_for=asked_for, chance=chance) == seconds


@pytest.mark.parametrize(
    ("due", "not_before", "deadline", "when"),
    [
        (10, 0, 100, 10),
        (10, 50, 100, 50),
        (10, 200, 100, 100),  # a deadline inside a pause ends its wait, and asks nothing
        (10, 0, 5, 5),
    ],
)
def test_the_poll_wakes_for_a_look_or_a_deadline_but_not_in_a_pause(due, not_before, deadline, when):
    assert wakes_at(earliest_due=due, not_before=not_before, earliest_deadline=deadline) == when


@pytest.mark.parametrize(
    ("ranks", "pages"),
    [
        ([], 0),
        ([None], 0),
        ([5], 0),
        ([None, None], 1),
        ([5, 900], 1),
        ([5, 900, BEYOND], 1),
        ([5, BEYOND], 0),
        ([1500, 1501], 0),
        ([1500, 1501, 1502], 2),
        ([5, 6, 1500], 1),
        ([*range(1000), 20_000], 1),
        (list(range(0, 20_000, 20)), 20),
        (list(range(0, 2_000_000, 2000)), 0),
    ],
)
def test_pages_are_listed_where_that_is_fewer_requests(ranks, pages):
    assert pages_to_list(ranks) == pages


@given(st.lists(st.one_of(st.none(), st.integers(0, 30 * PAGE)), max_size=60))
def test_no_other_number_of_pages_would_be_fewer_requests(ranks):
    def requests(pages):
        return (
            pages
            + sum(rank is not None and rank >= pages * PAGE for rank in ranks)
            + (sum(rank is None for rank in ranks) if pages == 0 else 0)
        )

    assert requests(pages_to_list(ranks)) == min(requests(pages) for pages in range(32))


@pytest.mark.parametrize(
    ("ranks", "pages", "limit"),
    [
        ([None, 3], 1, PAGE),
        ([3, 7], 1, 28),
        ([3, 7, BEYOND], 1, 28),
        ([3, 999], 1, PAGE),
        ([3, 1500, 1501], 2, PAGE),
    ],
)
def test_a_page_is_no_longer_than_needed(ranks, pages, limit):
    assert page_limit(ranks, pages) == limit


@pytest.mark.parametrize(("missing", "unplanned", "worth"), [(0, 0, False), (1, 0, True), (1, 1, False), (9, 8, True)])
def test_pages_beyond_the_plan_cost_at_most_what_single_looks_would(missing, unplanned, worth):
    assert worth_another_page(missing=missing, unplanned=unplanned) is worth

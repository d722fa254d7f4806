"""When to look, at what, and what a failure means: each decision as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api import errors
from airflow_provider_sam.batches.wait.pacing import (
    BEYOND,
    JITTER,
    LONGEST_PAUSE,
    PAGE,
    REFUSAL_STANDS,
    SPREAD,
    answer_limit,
    lasting_trouble,
    looks_now,
    next_due,
    page_limit,
    pages_to_list,
    pause,
    reaction_to,
    wakes_at,
    worth_another_page,
)
from airflow_provider_sam.exceptions import SamConnectionConfigError, SamConnectionLookupError


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
        (status(400, errors.SamInvalidRequestError), "refused"),
        (status(422, errors.SamUnprocessableError), "refused"),
        (status(410), "refused"),
        (status(425), "back off"),
        (SamConnectionLookupError("away"), "back off"),
        (errors.SamRequestError("no id"), "drop"),
        (status(302, errors.SamRedirectError), "reconnect"),
        (status(402, errors.SamBillingError), "reconnect"),
        (SamConnectionConfigError("no host"), "reconnect"),
        (errors.SamError("unheard of"), "reconnect"),
    ],
)
def test_a_failure_of_a_look_means_one_thing(error, reaction):
    assert reaction_to(error) == reaction


REFUSED = status(401, errors.SamAuthenticationError)
OF_ONE = status(400, errors.SamInvalidRequestError)
HIDDEN = status(404, errors.SamNotFoundError)


@pytest.mark.parametrize(
    ("error", "seconds", "seen", "over"),
    [
        (REFUSED, 0, False, ""),
        (REFUSED, REFUSAL_STANDS - 1, True, ""),
        (REFUSED, REFUSAL_STANDS, True, "refused for 5 min"),
        (OF_ONE, REFUSAL_STANDS - 1, True, ""),
        (OF_ONE, REFUSAL_STANDS, True, "refused for 5 min"),
        (SamConnectionConfigError("no host"), REFUSAL_STANDS, True, "no host"),
        (SamConnectionLookupError("away"), 10**6, True, ""),
        (status(503, errors.SamServerError), 10**6, False, ""),
        (status(425), 10**6, True, ""),
        (HIDDEN, 899, False, ""),
        (HIDDEN, 900, False, "Does the key belong to the workspace of this batch"),
        (HIDDEN, 10**6, True, ""),
    ],
)
def test_trouble_ends_a_wait_only_if_it_lasts_and_is_of_the_lasting_kind(error, seconds, seen, over):
    reason = lasting_trouble(error, seconds=seconds, seen=seen, visibility_timeout=900)
    assert (over in reason) if over else reason == ""


@pytest.mark.parametrize(("interval", "seconds"), [(0.1, 10), (20, 10), (60, 30), (600, 300)])
def test_an_answer_may_take_its_share_of_the_interval(interval, seconds):
    assert answer_limit(interval) == seconds


@pytest.mark.parametrize(
    ("due", "deadline", "not_before", "looks"),
    [
        (100, 1000, 0, True),
        (105, 1000, 0, True),  # taken along
        (106, 1000, 0, False),
        (100, 1000, 101, False),  # within a pause
        (100, 100, 101, True),  # the last look, whatever the pause
        (100, 90, 10**6, True),
    ],
)
def test_a_pause_holds_up_all_looks_but_a_last_one(due, deadline, not_before, looks):
    assert looks_now(due=due, deadline=deadline, interval=10, now=100, not_before=not_before) is looks


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
        (10, 200, 100, 100),  # a deadline inside a pause ends its wait
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

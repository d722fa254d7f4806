from __future__ import annotations

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.operation import Effect
from airflow_provider_sam.api.retries import judge, may_repeat, outcome_of_create

SAME, BILLED, CREATED = Effect.SAME, Effect.BILLED, Effect.CREATED


def status(cls, code, *, retry_after=None, from_api=True):
    """A status error of the class, as the API itself answers."""
    return cls("words", status=code, retry_after=retry_after, from_api=from_api)


def page(cls, code):
    """The same status from a proxy."""
    return status(cls, code, from_api=False)


FAILURES = [
    # what happened, what a create left behind, which effects may be repeated
    (errors.SamRequestError("x"), "nothing", ()),
    (errors.SamConnectError("x"), "nothing", (SAME, BILLED, CREATED)),
    (errors.SamTLSError("x"), "nothing", ()),
    (errors.SamTimeoutError("x"), "unknown", (SAME,)),
    (errors.SamDisconnectedError("x"), "unknown", (SAME,)),
    (errors.SamResponseError("x"), "unknown", ()),
    (status(errors.SamRedirectError, 302), "unknown", ()),
    (status(errors.SamInvalidRequestError, 400), "nothing", ()),
    (status(errors.SamAuthenticationError, 401), "nothing", ()),
    (status(errors.SamBillingError, 402), "nothing", ()),
    (status(errors.SamPermissionError, 403), "nothing", ()),
    (status(errors.SamNotFoundError, 404), "nothing", ()),
    (status(errors.SamStatusError, 408), "unknown", (SAME,)),
    (status(errors.SamConflictError, 409), "unknown", (SAME,)),
    (status(errors.SamRequestTooLargeError, 413), "nothing", ()),
    (status(errors.SamStatusError, 418), "unknown", ()),
    (status(errors.SamUnprocessableError, 422), "nothing", ()),
    (status(errors.SamRateLimitError, 429), "nothing", (SAME, BILLED, CREATED)),
    (status(errors.SamSpendLimitError, 429), "nothing", ()),
    (status(errors.SamServerError, 500), "unknown", (SAME,)),
    (status(errors.SamServerError, 503), "unknown", (SAME,)),
    (status(errors.SamServerError, 520), "unknown", (SAME,)),
    (status(errors.SamGatewayTimeoutError, 504), "unknown", (SAME,)),
    (status(errors.SamOverloadedError, 529), "nothing", (SAME, BILLED, CREATED)),
    (page(errors.SamInvalidRequestError, 400), "unknown", ()),
    (page(errors.SamNotFoundError, 404), "unknown", ()),
    (page(errors.SamRequestTooLargeError, 413), "unknown", ()),
    (page(errors.SamRateLimitError, 429), "unknown", (SAME, BILLED)),
    (page(errors.SamStatusError, 499), "unknown", ()),
    (page(errors.SamOverloadedError, 529), "unknown", (SAME, BILLED)),
]
NAMES = [
    f"{type(error).__name__}-{getattr(error, 'status', '')}-{getattr(error, 'from_api', '')}"
    for error, _, _ in FAILURES
]


@pytest.mark.parametrize(("error", "left", "repeatable"), FAILURES, ids=NAMES)
def test_what_was_left_behind_and_what_may_be_repeated(error, left, repeatable):
    assert outcome_of_create(error) == left
    assert tuple(effect for effect in Effect if may_repeat(error, effect)) == repeatable


def test_a_create_that_may_have_happened_is_never_repeated():
    assert not [error for error, left, repeatable in FAILURES if left == "unknown" and CREATED in repeatable]


@pytest.mark.parametrize(
    ("attempt", "random", "seconds"),
    [
        (1, 0.0, 0.25),
        (1, 1.0, 0.5),
        (2, 1.0, 1.0),
        (3, 0.0, 1.0),
        (8, 1.0, 60.0),
        (10_000, 0.0, 30.0),
    ],
)
def test_waits_double_up_to_a_minute_and_half_of_each_is_jitter(attempt, random, seconds):
    assert verdict(errors.SamConnectError("x"), attempt=attempt, random=random, max_retries=10_000).wait == seconds


def verdict(error, **more):
    """The verdict on the first failed attempt of a read, 100 s into a call with a retry_for of 600 s."""
    facts = {"effect": SAME, "attempt": 1, "elapsed": 100.0, "retry_for": 600.0, "max_retries": 5, "random": 0.0}
    return judge(error, **{**facts, **more})


LIMITED = status(errors.SamRateLimitError, 429, retry_after=40.0)
OVERLOADED = status(errors.SamOverloadedError, 529)


@pytest.mark.parametrize(
    ("error", "facts", "wait"),
    [
        (OVERLOADED, {}, 0.25),
        (OVERLOADED, {"attempt": 5}, 4.0),
        (OVERLOADED, {"attempt": 6}, None),
        (OVERLOADED, {"max_retries": 0}, None),
        (OVERLOADED, {"elapsed": 599.75}, 0.25),
        (OVERLOADED, {"elapsed": 599.76}, None),
        (OVERLOADED, {"retry_for": 0.0}, None),
        (LIMITED, {}, 40.0),
        (LIMITED, {"random": 1.0}, 41.0),
        (LIMITED, {"elapsed": 560.0}, 40.0),
        (LIMITED, {"elapsed": 560.0, "random": 1.0}, 40.0),
        (LIMITED, {"elapsed": 560.1}, None),
        (LIMITED, {"effect": CREATED}, 40.0),
        (status(errors.SamRateLimitError, 429, retry_after=86_400.0), {"retry_for": 90_000.0}, 86_400.0),
        (status(errors.SamServerError, 503, retry_after=7.0), {}, 7.0),
        (status(errors.SamServerError, 503, retry_after=0.0), {}, 0.0),
        (status(errors.SamServerError, 503, retry_after=7.0), {"effect": BILLED}, None),
        (status(errors.SamNotFoundError, 404), {}, None),
    ],
)
def test_the_wait_is_what_the_server_asks_for_or_doubles_and_never_leaves_the_deadline(error, facts, wait):
    assert verdict(error, **facts).wait == wait


@pytest.mark.parametrize(
    ("error", "facts", "reason"),
    [
        (LIMITED, {"elapsed": 590.0}, "asks to wait 40 s, beyond the 10 s left"),
        (LIMITED, {"elapsed": 700.0}, "beyond the 0 s left"),
        (OVERLOADED, {"elapsed": 600.0}, "this call's retry_for of 600 s has passed"),
        (errors.SamTimeoutError("x"), {"effect": BILLED}, "may be billed a second time"),
    ],
)
def test_giving_up_early_has_a_reason(error, facts, reason):
    assert reason in verdict(error, **facts).reason


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (OVERLOADED, {"attempt": 6}),
        (status(errors.SamNotFoundError, 404), {}),
        (status(errors.SamInvalidRequestError, 400), {"effect": BILLED}),
        (status(errors.SamConflictError, 409), {"effect": BILLED}),
        (errors.SamTimeoutError("x"), {"effect": CREATED}),
    ],
)
def test_otherwise_the_advice_of_the_class_says_enough(error, facts):
    assert verdict(error, **facts).reason is None

"""Each row of the contract's error table over real HTTP: the class, the requests made, the waits asked for."""

from __future__ import annotations

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.emulator import Fault, SseError, Status
from tests.api.calls import COMPLETION, CREATE, MESSAGE, PAID, READ, STREAMS

DOUBLING = [0.25, 0.5, 1.0, 2.0, 4.0]
"""Five repeats without jitter."""

ROWS = [
    # status, class, waits of a read, waits of a message, waits of a create of a batch
    (301, errors.SamRedirectError, [], [], []),
    (400, errors.SamInvalidRequestError, [], [], []),
    (401, errors.SamAuthenticationError, [], [], []),
    (402, errors.SamBillingError, [], [], []),
    (403, errors.SamPermissionError, [], [], []),
    (404, errors.SamNotFoundError, [], [], []),
    (409, errors.SamConflictError, DOUBLING, [], []),
    (413, errors.SamRequestTooLargeError, [], [], []),
    (418, errors.SamStatusError, [], [], []),
    (422, errors.SamUnprocessableError, [], [], []),
    (429, errors.SamRateLimitError, DOUBLING, DOUBLING, DOUBLING),
    (500, errors.SamServerError, DOUBLING, [], []),
    (502, errors.SamServerError, DOUBLING, [], []),
    (503, errors.SamServerError, DOUBLING, [], []),
    (504, errors.SamGatewayTimeoutError, DOUBLING, [], []),
    (529, errors.SamOverloadedError, DOUBLING, DOUBLING, DOUBLING),
]
AMBIGUOUS = {301, 409, 418, 500, 502, 503, 504}


@pytest.mark.parametrize(("status", "cls", "waits"), [(row[0], row[1], row[2]) for row in ROWS])
def test_a_read_is_repeated_where_it_may_help(fails, status, cls, waits):
    error, count, waited = fails(READ, Status(status))

    assert type(error) is cls
    assert (error.status, error.operation, error.attempts) == (status, "list_batches", len(waits) + 1)
    assert error.request_id.startswith("req_")
    assert (count, waited) == (len(waits) + 1, waits)


@pytest.mark.parametrize(("status", "cls", "waits"), [(row[0], row[1], row[3]) for row in ROWS])
@pytest.mark.parametrize("which", [PAID, ("create_completion", (COMPLETION,), "complete_create")])
def test_a_message_is_repeated_only_if_nothing_ran(fails, which, status, cls, waits):
    error, count, waited = fails(which, Status(status))

    assert type(error) is cls
    assert (count, waited) == (len(waits) + 1, waits)


@pytest.mark.parametrize(("status", "cls", "waits"), [(row[0], row[1], row[2]) for row in ROWS])
def test_a_message_is_repeated_as_a_read_where_asked(fails, status, cls, waits):
    error, count, waited = fails(PAID, Status(status), repeat=True)

    assert type(error) is cls
    assert (count, waited) == (len(waits) + 1, waits)


@pytest.mark.parametrize(("status", "cls", "waits"), [(row[0], row[1], row[4]) for row in ROWS])
def test_a_batch_is_never_created_twice(fails, sam_emulator, status, cls, waits):
    error, count, waited = fails(CREATE, Status(status, accepted=status in AMBIGUOUS))

    if status in AMBIGUOUS:
        assert type(error) is errors.SamAmbiguousSubmitError
        assert type(error.cause) is type(error.__cause__) is cls
        assert "may or may not" in str(error)
        assert len(sam_emulator.batches) == 1
    else:
        assert type(error) is cls
    assert (count, waited) == (len(waits) + 1, waits)


FINAL = {301, 400, 401, 402, 403, 413, 418, 422}


@pytest.mark.parametrize("status", [row[0] for row in ROWS])
@pytest.mark.parametrize(("which", "final"), [(READ, FINAL), (PAID, FINAL | {404})], ids=["read", "message"])
def test_a_refusal_says_whether_a_retry_may_succeed(fails, which, final, status):
    error, _, _ = fails(which, Status(status))

    assert error.retryable is (status not in final)
    assert ("will fail the same way" in str(error)) is (status in final - {301})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 429])
def test_what_was_not_refused_by_the_api_itself_may_succeed_later(fails, status):
    error, _, _ = fails(("count_tokens", (MESSAGE,), "messages_count_tokens"), Status(status, body="<html>"))

    assert error.retryable or status == 404
    assert "will fail the same way" not in str(error) or status == 404


@pytest.mark.parametrize("status", [302, 407])
def test_a_redirect_and_a_proxy_that_wants_a_password_end_every_try(fails, status):
    error, _, _ = fails(PAID, Status(status, body="<html>"))

    assert not error.retryable


@pytest.mark.parametrize(("status", "again"), [(408, True), (425, True), (499, True), (410, False), (418, False)])
def test_a_status_without_a_class_says_whether_a_retry_may_succeed(fails, status, again):
    error, _, _ = fails(PAID, Status(status))

    assert error.retryable is again


def test_deleting_a_batch_that_still_runs_may_succeed_later(call, settings, sam_emulator, params):
    batch = call(settings, "create_batch", [{"custom_id": "a", "params": params}])
    with pytest.raises(errors.SamStatusError) as failed:
        call(settings, "delete_batch", batch.id)

    assert failed.value.retryable
    assert sam_emulator.count("messages_batches_delete") >= 1


@pytest.mark.parametrize("body", ["<html>No</html>", "", '{"error": "slow down"}', '{"type": "error", "error": "no"}'])
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 408, 413, 422, 425, 429, 499, 529])
def test_what_is_not_the_apis_own_refusal_may_have_created_a_batch(fails, sam_emulator, status, body):
    error, count, waited = fails(CREATE, Status(status, accepted=True, body=body))

    assert type(error) is errors.SamAmbiguousSubmitError
    assert (count, waited, len(sam_emulator.batches)) == (1, [], 1)


@pytest.mark.parametrize("which", [READ, PAID, CREATE])
def test_the_spending_cap_is_not_waited_for(fails, which):
    error, count, waited = fails(which, Status(429, details={"error_code": "enforced_spend_limit_reached"}))

    assert type(error) is errors.SamSpendLimitError
    assert (count, waited) == (1, [])


@pytest.mark.parametrize("which", [READ, PAID, CREATE])
def test_what_passes_in_time_is_done_in_the_end(call, settings, patience, sam_emulator, which):
    method, args, operation = which
    sam_emulator.faults.add(Fault(Status(529), operation=operation, times=2))

    assert call(settings, method, *args)
    assert sam_emulator.count(operation) == 3
    assert patience.waits == [0.25, 0.5]


@pytest.mark.parametrize(
    ("method", "args", "operation"),
    [
        ("get_batch", ("b",), "messages_batches_retrieve"),
        ("cancel_batch", ("b",), "messages_batches_cancel"),
        ("delete_batch", ("b",), "messages_batches_delete"),
        ("iter_results", ("b",), "messages_batches_results"),
        ("stream_results", ("b",), "messages_batches_results"),
        ("iter_batches", (), "messages_batches_list"),
        ("count_tokens", ({"model": "m", "messages": []},), "messages_count_tokens"),
        ("get_model", ("m",), "models_retrieve"),
        ("list_models", (), "models_list"),
        ("iter_models", (), "models_list"),
    ],
)
def test_everything_that_may_be_sent_twice_is_repeated(fails, method, args, operation):
    error, count, _ = fails((method, args, operation), Status(503))

    assert type(error) is errors.SamServerError
    assert count == 6


@pytest.mark.parametrize(("status", "cls", "waits"), [(row[0], row[1], row[3]) for row in ROWS])
@pytest.mark.parametrize("which", STREAMS)
def test_a_stream_that_does_not_begin_is_repeated_only_if_nothing_ran(fails, which, status, cls, waits):
    error, count, waited = fails(which, Status(status))

    assert type(error) is cls
    assert (count, waited) == (len(waits) + 1, waits)


@pytest.mark.parametrize("which", STREAMS)
@pytest.mark.parametrize(
    ("kind", "cls"),
    [
        ("overloaded_error", errors.SamOverloadedError),
        ("rate_limit_error", errors.SamRateLimitError),
        ("api_error", errors.SamServerError),
        ("newer_error", errors.SamStatusError),
    ],
)
def test_an_error_inside_a_stream_is_raised_and_not_repeated(fails, which, kind, cls):
    error, count, waited = fails(which, SseError(kind, "words"))

    assert type(error) is cls
    assert (error.type, error.message, error.retryable) == (kind, "words", True)
    assert error.request_id.startswith("req_")
    assert (count, waited) == (1, [])

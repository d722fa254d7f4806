from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from airflow_provider_sam.api import errors

TREE = {
    cls: cls.__bases__ for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.SamError)
}


def example(cls: type[errors.SamError]) -> errors.SamError:
    """An error of the class, with all its data."""
    if issubclass(cls, errors.SamAmbiguousSubmitError):
        return cls("open", cause=errors.SamTimeoutError("slow", operation="create_batch", request_id="req_1"))
    if issubclass(cls, errors.SamStatusError):
        return cls(
            "words",
            status=429,
            type="rate_limit_error",
            request_id="req_1",
            retry_after=2.5,
            details={"error_code": "x"},
            operation="get_batch",
        )
    return cls("words", operation="get_batch", request_id="req_1")


def data(error: errors.SamError) -> dict[str, object]:
    """What an error holds; a cause is compared by what it holds itself."""
    held = dict(vars(error))
    if "cause" in held:
        held["cause"] = vars(held["cause"])
    return held


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301  # our own bytes
@pytest.mark.parametrize("cls", TREE)
def test_every_error_survives_copying_and_pickling_with_its_data(cls, again):
    error = example(cls)
    error.attempts, error.retry_hint = 3, "Later."
    error.add_note("a note")

    twin = again(error)

    assert type(twin) is cls
    assert data(twin) == data(error)
    assert (str(twin), twin.args, twin.__notes__) == (str(error), error.args, ["a note"])


def test_the_module_docstring_draws_the_whole_tree():
    drawn = errors.__doc__.split("::")[1]
    assert [cls.__name__ for cls in TREE if f"{cls.__name__} " not in drawn + " " and cls.__name__ not in drawn] == []


@pytest.mark.parametrize("cls", [cls for cls in TREE if cls is not errors.SamError and cls.advice == ""])
def test_only_a_class_that_is_never_raised_itself_lacks_advice(cls):
    assert cls is errors.SamTransportError


def test_a_status_error_says_what_happened_to_which_request_and_what_a_retry_will_do():
    error = errors.SamRateLimitError(
        "Too many.",
        status=429,
        type="rate_limit_error",
        request_id="req_7",
        retry_after=30,
        operation="create_batch",
    )
    error.attempts = 6

    assert str(error) == (
        "create_batch: answered 429 rate_limit_error (retry-after 30 s): Too many (request req_7, after 6 attempts). "
        "Nothing ran; a retry may succeed after the wait that the server asks for."
    )


def test_what_one_call_knows_about_a_retry_replaces_the_advice_of_the_class():
    error = errors.SamConnectError("no connection to host", operation="get_batch")
    error.retry_hint = "The host is down until noon."

    assert str(error) == "get_batch: no connection to host. The host is down until noon."


RETRYABLE = {
    errors.SamError,
    errors.SamTransportError,
    errors.SamConnectError,
    errors.SamTimeoutError,
    errors.SamDisconnectedError,
    errors.SamResponseError,
    errors.SamNotFoundError,
    errors.SamConflictError,
    errors.SamRateLimitError,
    errors.SamServerError,
    errors.SamGatewayTimeoutError,
    errors.SamOverloadedError,
}


@pytest.mark.parametrize("cls", TREE)
def test_an_error_says_whether_a_retry_may_succeed(cls):
    assert example(cls).retryable is (cls in RETRYABLE)


@pytest.mark.parametrize("cls", TREE)
def test_the_wait_that_the_server_asked_for_is_known_where_it_asked(cls):
    assert example(cls).retry_after == (2.5 if issubclass(cls, errors.SamStatusError) else None)


@pytest.mark.parametrize("cls", [cls for cls in TREE if "will fail" in cls.advice])
def test_no_advice_contradicts_what_an_error_says_of_a_retry(cls):
    assert not cls.retryable


def test_a_refused_request_is_a_value_error_too():
    with pytest.raises(ValueError, match="limit 0"):
        raise errors.SamRequestError("limit 0 is not allowed")

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_sam.api import errors
from airflow_provider_sam.api.failures import retry_after, status_error, stream_error

NOW = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)


def answered(status, body=b"", **headers):
    """The error for an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_error(status, named, body, operation="get_batch", now=NOW)


def envelope(kind="x_error", message="words", **more):
    """An error body of the API."""
    error = {"type": kind, "message": message, **more}
    return json.dumps({"type": "error", "error": error, "request_id": "req_body"}).encode()


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (301, errors.SamRedirectError),
        (308, errors.SamRedirectError),
        (400, errors.SamInvalidRequestError),
        (401, errors.SamAuthenticationError),
        (402, errors.SamBillingError),
        (403, errors.SamPermissionError),
        (404, errors.SamNotFoundError),
        (405, errors.SamStatusError),
        (409, errors.SamConflictError),
        (413, errors.SamRequestTooLargeError),
        (418, errors.SamStatusError),
        (422, errors.SamUnprocessableError),
        (429, errors.SamRateLimitError),
        (500, errors.SamServerError),
        (502, errors.SamServerError),
        (503, errors.SamServerError),
        (504, errors.SamGatewayTimeoutError),
        (520, errors.SamServerError),
        (529, errors.SamOverloadedError),
    ],
)
def test_the_status_alone_decides_the_class(status, cls):
    error = answered(status, envelope("rate_limit_error", "not_found_error"))

    assert type(error) is cls
    assert error.status == status


def test_everything_the_body_and_the_headers_say_is_kept():
    error = answered(429, envelope(details={"a": 1}), request_id="req_head", retry_after="7")

    assert (error.type, error.message, error.details) == ("x_error", "words", {"a": 1})
    assert (error.request_id, error.retry_after, error.operation) == ("req_head", 7.0, "get_batch")


def test_the_request_id_of_the_body_serves_where_the_header_has_none():
    assert answered(500, envelope()).request_id == "req_body"


def test_the_spending_cap_is_told_apart_from_a_rate_limit_by_its_code():
    capped = answered(429, envelope("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}))

    assert type(capped) is errors.SamSpendLimitError
    assert type(answered(429, envelope("rate_limit_error", "enforced_spend_limit_reached"))) is errors.SamRateLimitError


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "", "an empty body"),
        (b"  \n", "text/plain", "an empty body"),
        (b"<html><style>p {}</style><h1>Bad\n  gateway</h1></html>", "text/html; charset=utf-8", "'Bad gateway'"),
        (b"<html>", "text/html", "6 bytes of text/html"),
        (b'{"detail": "no"}', "application/json", '{"detail": "no"}'),
        (b'["error"]', "application/json", '["error"]'),
        (b'{"error": "string"}', "application/json", "application/json"),
        (b"\xff\xfe", "", "2 bytes of no content type"),
    ],
)
def test_a_body_that_is_not_the_apis_is_described(body, content_type, expected):
    error = answered(502, body, content_type=content_type)

    assert expected in error.message
    assert "proxy" in error.message
    assert (error.type, error.request_id, error.details) == (None, None, {})


@pytest.mark.parametrize("body", [b"<p>" + b"x" * 10**6, envelope(message="y" * 10**6), b"[" * 10**5])
def test_no_body_makes_an_endless_message(body):
    assert len(str(answered(500, body, content_type="z" * 10**5))) < 1500


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://elsewhere.example/v1?x=secret", "elsewhere.example"),
        ("/other/path", "another path of the same host"),
        ("http://[", "no URL"),
        ("", "same host"),
    ],
)
def test_a_redirect_names_its_host(location, named):
    error = answered(307, location=location)

    assert named in error.message
    assert "secret" not in str(error)
    assert "not followed" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sat, 01 Mar 2025 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sat, 01 Mar 2025 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 01 Mar 2025 12:01:30 GMT", "date": "Sat, 01 Mar 2025 12:01:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 01 Mar 2025 12:01:30 GMT", "date": "yesterday"}, 90.0),
        ({"retry-after": "Sat, 01 Mar 2025 12:01:30 -0000"}, 90.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("kind", "cls", "status"),
    [
        ("invalid_request_error", errors.SamInvalidRequestError, 400),
        ("authentication_error", errors.SamAuthenticationError, 401),
        ("billing_error", errors.SamBillingError, 402),
        ("permission_error", errors.SamPermissionError, 403),
        ("not_found_error", errors.SamNotFoundError, 404),
        ("request_too_large", errors.SamRequestTooLargeError, 413),
        ("rate_limit_error", errors.SamRateLimitError, 429),
        ("api_error", errors.SamServerError, 500),
        ("timeout_error", errors.SamGatewayTimeoutError, 504),
        ("overloaded_error", errors.SamOverloadedError, 529),
        ("newer_error", errors.SamStatusError, 200),
    ],
)
def test_an_error_inside_a_stream_has_the_class_of_its_type(kind, cls, status):
    error = stream_error(json.loads(envelope(kind)), operation="stream_message", request_id="req_head")

    assert type(error) is cls
    assert (error.status, error.type, error.message, error.request_id) == (status, kind, "words", "req_body")


@pytest.mark.parametrize("data", [{}, {"error": None}, {"error": {"type": 5, "message": 7}}])
def test_an_error_event_without_the_apis_fields_is_still_an_error(data):
    error = stream_error(data, operation="stream_message", request_id="req_head")

    assert (type(error), error.type, error.request_id) == (errors.SamStatusError, None, "req_head")

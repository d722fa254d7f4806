"""A connection is read as declared, and what is wrong with it is said by field."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from airflow_provider_sam._compat import AirflowFailException, BaseHook
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.connection import EXTRAS, form_fields, parse_connection
from airflow_provider_sam.exceptions import SamConnectionConfigError

KEY = "key-that-opens-nothing"


@pytest.fixture
def connect(monkeypatch):
    """Reads a connection that stands in the environment, as Airflow reads it."""

    def read(value):
        monkeypatch.setenv("AIRFLOW_CONN_SAM_TEST", value if isinstance(value, str) else json.dumps(value))
        return parse_connection(BaseHook.get_connection("sam_test"))

    return read


def given(**fields):
    return {"conn_type": "sam", "host": "https://api.sam.example", "password": KEY} | fields


def test_a_connection_with_host_and_key_has_the_declared_defaults(connect):
    connection = connect(given())
    assert connection.settings.base_url == "https://api.sam.example"
    assert connection.settings.api_key == KEY
    own = {"model", "state_path", "console_url"}
    limits = {field.name for field in fields(Limits)}
    for field in EXTRAS:
        place = connection if field.name in own else connection.settings
        place = connection.settings.limits if field.name in limits else place
        assert getattr(place, field.name) == field.default, field.name


def test_a_uri_gives_the_same_connection_as_json(connect):
    extra = {
        "model": "sam-small",
        "read_timeout": 120,
        "max_retries": 2,
        "max_batch_requests": 10,
        "state_path": "s3://bucket/state",
    }
    from_json = connect(given(host="https://api.sam.example:8443/sam", extra=extra))
    from_uri = connect(
        f"sam://:{KEY}@https%3A%2F%2Fapi.sam.example%3A8443%2Fsam"
        "?model=sam-small&read_timeout=120&max_retries=2&max_batch_requests=10&state_path=s3%3A%2F%2Fbucket%2Fstate"
    )
    assert from_uri == from_json
    assert from_json.settings.base_url == "https://api.sam.example:8443/sam"
    assert from_json.settings.read_timeout == 120.0


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("http://127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080", 8080, "http://127.0.0.1:8080"),
        ("https://gateway.example/sam/", None, "https://gateway.example/sam"),
        ("https://gateway.example/sam/", 8443, "https://gateway.example:8443/sam"),
    ],
)
def test_host_and_port_make_the_base_url(connect, host, port, base_url):
    assert connect(given(host=host, port=port)).settings.base_url == base_url


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": ""}, ["host is empty", "https://"]),
        ({"host": "api.sam.example"}, ["host needs a scheme", "https://api.sam.example"]),
        ({"host": "ftp://api.sam.example"}, ["host needs a scheme"]),
        ({"host": "https://me:secret@api.sam.example"}, ["host may contain", "password"]),
        ({"host": "https://api.sam.example?key=1"}, ["host may contain"]),
        ({"host": "https://[api"}, ["host is not a URL"]),
        ({"host": "https://api.sam.example:1", "port": 2}, ["port 2", "contradicts the port 1"]),
        ({"password": ""}, ["password is empty", "API key"]),
        ({"password": "two lines\n"}, ["password must be printable ASCII"]),
        ({"login": "me"}, ["login is not used", "password"]),
        ({"schema": "https"}, ["schema is not used", "host"]),
        ({"extra": {"read_timout": 5}}, ["'read_timout' is unknown", "read_timeout"]),
        ({"extra": {"read_timeout": "soon"}}, ["'read_timeout' must be a number above 0", "60.0", "'soon'"]),
        ({"extra": {"read_timeout": 0}}, ["'read_timeout' must be a number above 0"]),
        ({"extra": {"read_timeout": "inf"}}, ["'read_timeout' must be a number above 0"]),
        ({"extra": {"read_timeout": True}}, ["'read_timeout' must be a number above 0", "True"]),
        ({"extra": {"max_retries": 2.5}}, ["'max_retries' must be a whole number of at least 0"]),
        ({"extra": {"max_retries": -1}}, ["'max_retries' must be a whole number of at least 0"]),
        ({"extra": {"max_batch_requests": 0}}, ["'max_batch_requests' must be a whole number of at least 1"]),
        ({"extra": {"model": 5}}, ["'model' must be a string", "5"]),
        ({"extra": {"model": "sam small"}}, ["'model' 'sam small' is not the name of a model", "without spaces"]),
        ({"extra": {"model": "sam-small\n"}}, ["'model'", "is not the name of a model"]),
        ({"extra": {"model": "m" * 257}}, ["'model'", "is not the name of a model"]),
        ({"extra": {"state_path": 5}}, ["'state_path' must be a string", "5"]),
        ({"extra": {"proxy": "proxy.example:3128"}}, ["'proxy' needs a scheme"]),
        ({"extra": {"proxy": "http://me:sesame@proxy.example:port"}}, ["proxy"]),
        ({"extra": {"console_url": "console.example"}}, ["'console_url' needs a scheme"]),
    ],
)
def test_what_is_wrong_is_said_by_connection_field_and_remedy(connect, fields, said):
    with pytest.raises(SamConnectionConfigError) as caught:
        connect(given(**fields))
    message = str(caught.value)
    assert all(part in message for part in ["sam_test", *said])
    assert KEY not in message
    assert "secret" not in message


@pytest.mark.parametrize("extra", ["[]", "5", "{"])
def test_an_extra_that_is_no_object_is_refused(extra):
    class Stored:
        conn_id, host, port, schema, login, password = "sam_test", "https://api.sam.example", None, None, None, KEY

    Stored.extra = extra
    with pytest.raises(SamConnectionConfigError, match="extra is not"):
        parse_connection(Stored)


@pytest.mark.parametrize("unset", [None, ""])
def test_an_extra_left_empty_in_a_form_has_its_default(connect, unset):
    extra = dict.fromkeys((field.name for field in EXTRAS), unset)
    assert connect(given(extra=extra)) == connect(given())


def test_a_wrong_connection_fails_the_task_without_retries():
    assert issubclass(SamConnectionConfigError, AirflowFailException)
    assert issubclass(SamConnectionConfigError, ValueError)


def test_no_repr_shows_the_key(connect):
    assert KEY not in repr(connect(given(extra={"proxy": f"http://me:{KEY}@proxy.example"})))


def test_the_form_has_a_field_for_each_extra_with_its_default():
    fields = form_fields()
    assert list(fields) == [field.name for field in EXTRAS]
    assert fields["read_timeout"]["schema"] == {"type": ["number", "null"], "default": 60.0}
    assert fields["proxy"]["schema"] == {"type": ["string", "null"], "format": "password"}


def test_every_limit_can_be_overridden(connect):
    given_limits = {field.name: 100 + place for place, field in enumerate(fields(Limits))}

    assert connect(given(extra=given_limits)).settings.limits == Limits(**given_limits)

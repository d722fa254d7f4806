from __future__ import annotations

import json

import pytest

from airflow_provider_sam.api.endpoints import Endpoints
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits
from airflow_provider_sam.api.operation import Effect
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.emulator import OPENAPI_PATH

PATHS = json.loads(OPENAPI_PATH.read_text(encoding="utf-8"))["paths"]
MESSAGE = {"model": "m", "max_tokens": 8, "messages": []}
COUNT = {"model": "m", "messages": []}
COMPLETION = {"model": "m", "prompt": "p", "max_tokens_to_sample": 8}
BATCH = [{"custom_id": "a", "params": MESSAGE}]
SAME, BILLED, CREATED = Effect.SAME, Effect.BILLED, Effect.CREATED

# The client's method, its arguments, the route, what sending it twice does, and whether it takes names of betas.
ROUTES = [
    ("create_message", (MESSAGE,), "POST", "/v1/messages", BILLED, True),
    ("stream_message", (MESSAGE,), "POST", "/v1/messages", BILLED, True),
    ("count_tokens", (COUNT,), "POST", "/v1/messages/count_tokens", SAME, True),
    ("create_batch", (BATCH,), "POST", "/v1/messages/batches", CREATED, True),
    ("list_batches", (), "GET", "/v1/messages/batches", SAME, True),
    ("list_batch_statuses", (), "GET", "/v1/messages/batches", SAME, True),
    ("get_batch", ("b",), "GET", "/v1/messages/batches/{message_batch_id}", SAME, True),
    ("delete_batch", ("b",), "DELETE", "/v1/messages/batches/{message_batch_id}", SAME, True),
    ("cancel_batch", ("b",), "POST", "/v1/messages/batches/{message_batch_id}/cancel", SAME, True),
    ("stream_results", ("b",), "GET", "/v1/messages/batches/{message_batch_id}/results", SAME, True),
    ("create_completion", (COMPLETION,), "POST", "/v1/complete", BILLED, None),
    ("stream_completion", (COMPLETION,), "POST", "/v1/complete", BILLED, None),
    ("list_models", (), "GET", "/v1/models", SAME, False),
    ("get_model", ("m",), "GET", "/v1/models/{model_id}", SAME, False),
]


def settings(**more):
    return ClientSettings(base_url="http://sam.test", api_key="k", **more)


def described(method, *args, limits=None, **kwargs):
    """The operation that a client's method describes."""
    return getattr(Endpoints(settings(limits=limits or Limits())), method)(*args, **kwargs)


def test_every_operation_of_the_contract_is_described():
    of_the_contract = {(method.upper(), path) for path, methods in PATHS.items() for method in methods}

    assert {(method, path) for _, _, method, path, _, _ in ROUTES} == of_the_contract
    assert len(of_the_contract) == 11


@pytest.mark.parametrize(("name", "args", "method", "path", "effect"), [route[:5] for route in ROUTES])
def test_an_operation_goes_to_its_route(name, args, method, path, effect):
    request = described(name, *args)

    assert (request.operation, request.method, request.effect) == (name, method, effect)
    assert request.path == path.replace("{message_batch_id}", "b").replace("{model_id}", "m")
    assert request.query == {}
    assert "anthropic-beta" not in request.headers


@pytest.mark.parametrize(("name", "args", "method", "path", "names"), [(*r[:4], r[5]) for r in ROUTES])
def test_the_contract_says_which_operations_have_a_beta_route_and_take_names(name, args, method, path, names):
    told = {parameter["name"] for parameter in PATHS[path][method.lower()]["parameters"]}

    assert ("beta" in told, "anthropic-beta" in told) == (names is not None, bool(names))
    if names is not None:
        assert described(name, *args, betas=[]).query == {"beta": "true"}


@pytest.mark.parametrize(("name", "args", "names"), [(*r[:2], r[5]) for r in ROUTES])
def test_names_of_betas_go_into_the_header_where_they_are_taken(name, args, names):
    if names:
        assert described(name, *args, betas=["a", "b"]).headers["anthropic-beta"] == "a,b"
    else:
        with pytest.raises(TypeError if names is None else SamRequestError, match="betas"):
            described(name, *args, betas=["a"])


@pytest.mark.parametrize(("name", "args"), [route[:2] for route in ROUTES])
def test_a_call_has_the_retry_for_of_the_connection_or_its_own(name, args):
    assert described(name, *args).retry_for == 600.0
    assert described(name, *args, retry_for=0.0).retry_for == 0.0


@pytest.mark.parametrize(
    ("name", "args", "body"),
    [
        ("create_message", (MESSAGE,), MESSAGE),
        ("stream_message", (MESSAGE,), {**MESSAGE, "stream": True}),
        ("count_tokens", (COUNT,), COUNT),
        ("create_completion", (COMPLETION,), COMPLETION),
        ("stream_completion", (COMPLETION,), {**COMPLETION, "stream": True}),
        ("cancel_batch", ("b",), None),
    ],
)
def test_the_params_are_the_body_and_only_streaming_adds_to_them(name, args, body):
    sent = described(name, *args).body

    assert sent is None if body is None else json.loads(sent) == body


@pytest.mark.parametrize("stream", [False, True])
def test_the_method_decides_whether_an_answer_is_streamed(stream):
    assert json.loads(described("stream_message", {**MESSAGE, "stream": stream}).body)["stream"] is True
    assert json.loads(described("stream_completion", {**COMPLETION, "stream": stream}).body)["stream"] is True


def test_a_stream_that_is_not_asked_for_is_no_mistake():
    for name, params in [("create_message", MESSAGE), ("count_tokens", COUNT), ("create_completion", COMPLETION)]:
        assert json.loads(described(name, {**params, "stream": False}).body) == params
    assert described("create_batch", [{"custom_id": "a", "params": {**MESSAGE, "stream": False}}]).body.content_length


def test_params_that_are_newer_than_we_are_are_sent_unchanged():
    newer = {**MESSAGE, "tools": [{"type": "web_search_20991231", "{{": ["}}"]}], "effort": "high"}

    assert json.loads(described("create_message", newer).body) == newer


@pytest.mark.parametrize("name", ["create_message", "create_completion"])
def test_a_paid_call_may_be_repeated_when_asked(name):
    params = MESSAGE if name == "create_message" else COMPLETION

    assert described(name, params, repeat=True).effect is SAME


@pytest.mark.parametrize(
    ("name", "size"), [("create_message", "max_tokens"), ("create_completion", "max_tokens_to_sample")]
)
def test_a_long_answer_has_the_time_it_needs_unless_a_time_out_is_given(name, size):
    params = {**MESSAGE, **COMPLETION, size: 64_000}

    assert described(name, params).read_timeout == 3260.0
    assert described(name, params, timeout=5.0).read_timeout == 5.0


def test_only_what_is_sent_when_whole_has_more_than_the_read_time_out():
    assert described("stream_message", {**MESSAGE, "max_tokens": 64_000}).read_timeout == 60.0
    assert described("get_batch", "b").read_timeout == 60.0
    assert described("create_batch", BATCH).read_timeout > 60.0


@pytest.mark.parametrize(("offset", "expected"), [(0, None), (17, "bytes=17-")])
def test_results_are_asked_for_as_they_are_stored_and_from_an_offset_where_given(offset, expected):
    headers = described("stream_results", "b", offset=offset).headers

    assert headers.get("range") == expected
    assert (headers["accept"], headers["accept-encoding"]) == ("application/x-jsonl", "identity")


class Body:
    """A body of a batch that was made elsewhere."""

    content_length = 5

    def __iter__(self):
        return iter([b"ab", b"cde"])


def test_a_streamed_body_is_passed_on_as_it_is():
    body = Body()

    assert described("create_batch", body).body is body


@pytest.mark.parametrize(
    ("name", "args", "limits", "problem"),
    [
        ("create_batch", (Body(),), Limits(max_batch_bytes=4), "the batch has 5 bytes, the limit is 4"),
        ("create_batch", ([],), Limits(), "requests is empty"),
        ("create_message", (MESSAGE,), Limits(max_message_bytes=10), "the request has .* bytes, the limit is 10"),
        ("count_tokens", (COUNT,), Limits(max_message_bytes=10), "the request has .* bytes, the limit is 10"),
        (
            "create_message",
            ({**MESSAGE, "stream": True},),
            Limits(),
            "'stream' must be false .* stream_message streams",
        ),
        ("count_tokens", ({**COUNT, "stream": True},), Limits(), "'stream' must be false .* stream_message streams"),
        (
            "create_completion",
            ({**COMPLETION, "stream": True},),
            Limits(),
            "'stream' must be false .* stream_completion streams",
        ),
        (
            "create_batch",
            ([{"custom_id": "a", "params": {**MESSAGE, "stream": True}}],),
            Limits(),
            r"requests\[0\] .*'stream' must be false .* a batch cannot",
        ),
        ("create_message", ({},), Limits(), "model and max_tokens and messages missing"),
        ("count_tokens", ({"model": "m"},), Limits(), "messages missing"),
        ("create_completion", ({"model": "m"},), Limits(), "max_tokens_to_sample and prompt missing"),
        ("get_batch", ("",), Limits(), "batch_id"),
        ("cancel_batch", ("..",), Limits(), "batch_id"),
        ("delete_batch", ("a/b",), Limits(), "batch_id"),
        ("stream_results", ("a?b",), Limits(), "batch_id"),
        ("get_model", ("a b",), Limits(), "model_id"),
    ],
)
def test_what_the_api_would_refuse_is_refused_before_anything_is_sent(name, args, limits, problem):
    with pytest.raises(SamRequestError, match=problem):
        described(name, *args, limits=limits)

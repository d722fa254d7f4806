from __future__ import annotations

import pytest

from airflow_provider_sam.api import routes
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        ("msgbatch_01", "/v1/models/msgbatch_01"),
        ("a.b", "/v1/models/a.b"),
        ("...", "/v1/models/..."),
        ("team:model@2", "/v1/models/team%3Amodel%402"),
        ("modèle", "/v1/models/mod%C3%A8le"),
        ("a;b=c&d", "/v1/models/a%3Bb%3Dc%26d"),
    ],
)
def test_an_id_enters_the_path_escaped(identifier, path):
    assert routes.item(routes.MODELS, identifier, what="model_id") == path


@pytest.mark.parametrize(
    "identifier",
    ["", ".", "..", "a/b", "../x", "a\\b", "a?b", "a#b", "a%2Fb", "a b", "a\n", "\x00", "a\u2028b", None, 7],
)
def test_an_id_that_could_lead_elsewhere_is_refused(identifier):
    with pytest.raises(SamRequestError, match="batch_id"):
        routes.item(routes.BATCHES, identifier, what="batch_id")


@pytest.mark.parametrize(
    ("betas", "query", "header"),
    [
        (None, {}, {}),
        ([], {"beta": "true"}, {}),
        ((), {"beta": "true"}, {}),
        (["a-1"], {"beta": "true"}, {"anthropic-beta": "a-1"}),
        (("a-1", "b.2"), {"beta": "true"}, {"anthropic-beta": "a-1,b.2"}),
    ],
)
def test_none_is_the_plain_route_and_any_sequence_the_beta_route(betas, query, header):
    assert (routes.beta_query(betas), routes.beta_header(betas)) == (query, header)


@pytest.mark.parametrize("betas", ["a-1", [""], ["a,b"], ["a b"], ["a\r\nx-api-key: y"], ["ä"], [7]])
def test_what_cannot_be_the_name_of_a_beta_is_refused(betas):
    with pytest.raises(SamRequestError, match="betas"):
        routes.beta_header(betas)


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ((None, None, None), {}),
        (("a", None, 1), {"after_id": "a", "limit": "1"}),
        ((None, "b", 1000), {"before_id": "b", "limit": "1000"}),
    ],
)
def test_a_page_is_asked_for_by_what_is_given(arguments, query):
    assert routes.page_query(*arguments, Limits()) == query


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a", "b", None), "opposite directions"),
        (("", None, None), "must not be empty"),
        ((None, "", None), "must not be empty"),
        ((None, None, 0), "1 to 1000 entries"),
        ((None, None, 1001), "1 to 1000 entries"),
    ],
)
def test_a_page_that_the_api_would_not_give_is_refused(arguments, problem):
    with pytest.raises(SamRequestError, match=problem):
        routes.page_query(*arguments, Limits())

from __future__ import annotations

import pytest

from airflow_provider_sam.api import paging
from airflow_provider_sam.api.endpoints import Endpoints
from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.models import ModelPage
from airflow_provider_sam.api.settings import ClientSettings

ENDPOINTS = Endpoints(ClientSettings(base_url="http://sam.test", api_key="k"))


def page(*ids, has_more=True, **more):
    """A page of models, newest first."""
    data = [{"id": id_, "type": "model", "display_name": "", "created_at": "2025-01-01T00:00:00Z"} for id_ in ids]
    return ModelPage.made_of({"data": data, "has_more": has_more, "first_id": ids[0], "last_id": ids[-1], **more})


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, {"after_id": "m1"}),
        ({"limit": 3, "betas": []}, {"after_id": "m1", "limit": "3", "beta": "true"}),
        ({"after_id": "m4"}, {"after_id": "m1"}),
        ({"before_id": "m0", "limit": 3}, {"before_id": "m3", "limit": "3"}),
    ],
)
def test_the_next_page_begins_where_this_one_ends_in_the_direction_asked_for(arguments, query):
    following = paging.next_page(ENDPOINTS.list_models(**arguments), page("m3", "m2", "m1"))

    assert following.query == query
    assert following.operation == "list_models"


@pytest.mark.parametrize(
    ("arguments", "ids"), [({"after_id": "m4"}, ["m3", "m2", "m1"]), ({"before_id": "m0"}, ["m1", "m2", "m3"])]
)
def test_entries_come_in_the_direction_of_the_walk(arguments, ids):
    entries = paging.entries(ENDPOINTS.list_models(**arguments), page("m3", "m2", "m1"))

    assert [entry.id for entry in entries] == ids


def test_the_walk_ends_where_there_is_no_more():
    assert paging.next_page(ENDPOINTS.list_models(), page("m1", has_more=False)) is None


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ({}, {"last_id": None}),
        ({"before_id": "m0"}, {"first_id": None}),
        ({"after_id": "m1"}, {}),
        ({"before_id": "m1"}, {}),
    ],
)
def test_a_page_that_leads_nowhere_is_an_error_and_not_the_end(arguments, more):
    with pytest.raises(SamResponseError, match="no cursor to continue with"):
        paging.next_page(ENDPOINTS.list_models(**arguments), page("m1", **more))

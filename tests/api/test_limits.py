from __future__ import annotations

import pytest

from airflow_provider_sam.api import limits
from airflow_provider_sam.api.errors import SamRequestError

MESSAGE = {"model": "m", "max_tokens": 1, "messages": []}


@pytest.mark.parametrize("custom_id", ["a", "A-b_9", "x" * 64, "-", "_"])
def test_a_custom_id_of_the_apis_form_is_taken(custom_id):
    assert limits.check_custom_id(custom_id, index=0) == custom_id


@pytest.mark.parametrize("custom_id", [None, "", "x" * 65, "a b", "a.b", "ä", "a\n", "a/b", 7, b"a", ["a"]])
def test_any_other_custom_id_is_refused_by_its_index(custom_id):
    with pytest.raises(SamRequestError, match=r"requests\[41\]: custom_id .*1 to 64"):
        limits.check_custom_id(custom_id, index=41)


def test_a_huge_custom_id_does_not_make_a_huge_message():
    with pytest.raises(SamRequestError) as refused:
        limits.check_custom_id("x" * 10**6, index=0)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ("text", r"requests\[3\] must be a mapping .* got str"),
        (None, r"requests\[3\] must be a mapping .* got NoneType"),
        ({}, r"requests\[3\]: custom_id is missing"),
        ({"custom_id": "a"}, r"requests\[3\] \(custom_id 'a'\): params missing"),
        ({"custom_id": "a", "params": []}, r"requests\[3\] \(custom_id 'a'\): params must be a mapping .* got list"),
        (
            {"custom_id": "a", "params": {"model": "m"}},
            r"requests\[3\] \(custom_id 'a'\): params: max_tokens and messages missing",
        ),
        ({"custom_id": "a", "params": {**MESSAGE, "model": None}}, "params: model missing"),
    ],
)
def test_a_wrong_request_of_a_batch_is_named_with_what_it_lacks(request_, problem):
    with pytest.raises(SamRequestError, match=problem):
        limits.check_batch_request(3, request_)


def test_a_right_request_of_a_batch_gives_its_custom_id_whatever_else_is_in_it():
    request = {"custom_id": "a", "params": {**MESSAGE, "newer": {"than": "us"}}, "newer": 1}

    assert limits.check_batch_request(0, request) == "a"


@pytest.mark.parametrize("name", limits.NOT_PARAMS)
def test_what_only_client_libraries_know_is_refused_with_the_place_it_belongs_to(name):
    with pytest.raises(SamRequestError, match=f"'{name}' is not a parameter of the API; {limits.NOT_PARAMS[name]}"):
        limits.check_params({**MESSAGE, name: None}, limits.MESSAGE_PARAMS)


def test_a_repeated_custom_id_names_both_places():
    custom_ids = limits.CustomIds()
    custom_ids.add("a", 0)
    custom_ids.add("b", 1)

    with pytest.raises(SamRequestError, match=r"requests\[2\]: custom_id 'a' is already used by requests\[0\]"):
        custom_ids.add("a", 2)
    assert len(custom_ids) == 2


@pytest.mark.parametrize(("count", "refused"), [(0, True), (1, False), (100_000, False), (100_001, True)])
def test_a_batch_holds_1_to_100_000_requests(count, refused):
    if refused:
        with pytest.raises(SamRequestError):
            limits.check_batch_count(count, limits.Limits())
    else:
        limits.check_batch_count(count, limits.Limits())


def test_a_connection_may_name_other_limits():
    narrow = limits.Limits(max_batch_requests=2, max_page=5)

    with pytest.raises(SamRequestError, match="more than 2 requests"):
        limits.check_batch_count(3, narrow)
    with pytest.raises(SamRequestError, match="1 to 5 entries"):
        limits.check_page_limit(6, narrow)


@pytest.mark.parametrize(("size", "refused"), [(10, False), (11, True)])
def test_a_body_may_be_as_large_as_the_limit(size, refused):
    if refused:
        with pytest.raises(SamRequestError, match="the batch has 11 bytes, the limit is 10"):
            limits.check_size(size, 10, what="the batch")
    else:
        limits.check_size(size, 10, what="the batch")

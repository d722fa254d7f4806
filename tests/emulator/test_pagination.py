"""Pages are cut from a list that is newest first, and say truly whether there is more."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.errors import ApiError
from airflow_provider_sam.emulator.pagination import PageQuery, cut_page, read_query

NEWEST_FIRST = ["e", "d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("query", "items", "has_more"),
    [
        (PageQuery(2), ["e", "d"], True),
        (PageQuery(5), NEWEST_FIRST, False),
        (PageQuery(2, after_id="d"), ["c", "b"], True),
        (PageQuery(2, after_id="c"), ["b", "a"], False),
        (PageQuery(2, after_id="a"), [], False),
        (PageQuery(2, before_id="a"), ["c", "b"], True),
        (PageQuery(2, before_id="c"), ["e", "d"], False),
        (PageQuery(3, before_id="d"), ["e"], False),
        (PageQuery(2, before_id="e"), [], False),
    ],
)
def test_a_page_is_the_one_next_to_its_cursor(query, items, has_more):
    page = cut_page(NEWEST_FIRST, query, str)
    assert (list(page.items), page.has_more) == (items, has_more)


@pytest.mark.parametrize("parameter", ["after_id", "before_id"])
def test_a_cursor_that_names_nothing_is_refused(parameter):
    with pytest.raises(ApiError, match=f"{parameter}: no item has the id 'z'"):
        cut_page(NEWEST_FIRST, PageQuery(**{parameter: "z"}), str)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "", "ten", "1.5", "٣", "9" * 5000])
def test_a_limit_out_of_range_is_refused(limit):
    with pytest.raises(ApiError, match=r"limit: must be"):
        read_query({"limit": limit})


def test_both_cursors_together_are_refused():
    with pytest.raises(ApiError, match="before_id: cannot be given together with after_id"):
        read_query({"after_id": "a", "before_id": "b"})

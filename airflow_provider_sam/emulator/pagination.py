"""Pages of a list that is sorted newest first, read by cursor in both directions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_sam.emulator.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is asked for."""

    limit: int = DEFAULT_LIMIT
    after_id: str | None = None
    before_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first; ``has_more`` speaks of the direction asked for."""

    items: Sequence[T]
    has_more: bool


def read_query(query: Mapping[str, str]) -> PageQuery:
    """Read the page parameters of a URL.

    :raises ApiError: 400 when a parameter is no number, out of range, or both cursors are given
    """
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise invalid(f"limit: must be an integer from 1 to {MAX_LIMIT}")
    limit = int(text)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"limit: must be from 1 to {MAX_LIMIT}")
    after_id, before_id = query.get("after_id"), query.get("before_id")
    if after_id is not None and before_id is not None:
        raise invalid("before_id: cannot be given together with after_id")
    return PageQuery(limit, after_id, before_id)


def cut_page(items: Sequence[T], query: PageQuery, name: Callable[[T], str]) -> Page[T]:
    """Cut one page out of ``items``, which are sorted newest first.

    ``after_id`` gives what is older than the named item, ``before_id`` what is newer: of that, the page next to it.
    A cursor that names nothing here is a 400, since no answer could be right.
    """
    if query.before_id is not None:
        end = _position(items, query.before_id, name, "before_id")
        start = max(0, end - query.limit)
        return Page(items[start:end], has_more=start > 0)
    start = 0 if query.after_id is None else _position(items, query.after_id, name, "after_id") + 1
    end = start + query.limit
    return Page(items[start:end], has_more=end < len(items))


def page_body(page: Page[T], name: Callable[[T], str], write: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Write a page as the API does."""
    return {
        "data": [write(item) for item in page.items],
        "has_more": page.has_more,
        "first_id": name(page.items[0]) if page.items else None,
        "last_id": name(page.items[-1]) if page.items else None,
    }


def _position(items: Sequence[T], cursor: str, name: Callable[[T], str], parameter: str) -> int:
    for position, item in enumerate(items):
        if name(item) == cursor:
            return position
    raise invalid(f"{parameter}: no item has the id {cursor!r}")

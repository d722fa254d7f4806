"""Walking a list: which page comes next, and in which order its entries are given. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_sam.api.base import ApiObject
from airflow_provider_sam.api.errors import SamResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sam.api.models import Page
    from airflow_provider_sam.api.operation import Operation

EntryT = TypeVar("EntryT", bound=ApiObject)


def entries(operation: Operation[Page[EntryT]], page: Page[EntryT]) -> Iterable[EntryT]:
    """Give a page's entries in the direction of the walk: away from where it began."""
    return reversed(page.data) if "before_id" in operation.query else page.data


def next_page(operation: Operation[Page[EntryT]], page: Page[EntryT]) -> Operation[Page[EntryT]] | None:
    """Give the operation that asks for the page after `page`, or None where the walk has ended.

    :raises SamResponseError: the server says that there is more, but not where; ending the walk there would pass an
        incomplete list off as the whole.
    """
    if not page.has_more:
        return None
    newer = "before_id" in operation.query
    direction = "before_id" if newer else "after_id"
    cursor = page.first_id if newer else page.last_id
    if not cursor or cursor == operation.query.get(direction):
        raise SamResponseError(
            "answered a page that has more after it, but names no way on", operation=operation.operation
        )
    return replace(operation, query={**operation.query, direction: cursor})

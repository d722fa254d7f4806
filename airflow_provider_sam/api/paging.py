"""Walking a list: which page comes next, and in which order its entries are given. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_sam.api.base import ApiObject
from airflow_provider_sam.api.errors import SamError, SamInvalidRequestError, SamNotFoundError, SamResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sam.api.models import Page
    from airflow_provider_sam.api.operation import Operation

EntryT = TypeVar("EntryT", bound=ApiObject)

GONE = (SamInvalidRequestError, SamNotFoundError)
"""How a cursor is refused that names nothing any more."""

BEGINNINGS = 3
"""How often a walk may begin again without coming across anything new."""


class Walk(Generic[EntryT]):
    """A walk over all pages. `operation` asks for the next one; None where the walk has ended.

    The entry at which a page ended may be deleted before the next page is asked for, and then leads nowhere: the walk
    begins again, and gives only what it has not given.
    """

    def __init__(self, operation: Operation[Page[EntryT]]) -> None:
        self.operation: Operation[Page[EntryT]] | None = operation
        self._first = operation
        self._given: set[object] = set()
        self._beginnings = 0

    def take(self, page: Page[EntryT]) -> Iterator[EntryT]:
        """Return the entries of the page that was asked for, in the direction of the walk."""
        operation = self.operation or self._first
        for entry in entries(operation, page):
            identifier = vars(entry)["id"]
            if identifier not in self._given:
                self._given.add(identifier)
                self._beginnings = 0
                yield entry
        self.operation = next_page(operation, page)

    def begin_again(self, refused: SamError) -> None:
        """Go back to the first page, since the way on was refused.

        :raises SamError: the error given, where it is none about a cursor of ours or nothing new has come meanwhile.
        """
        if self.operation is self._first or self._beginnings == BEGINNINGS:
            raise refused
        self._beginnings += 1
        self.operation = self._first


def entries(operation: Operation[Page[EntryT]], page: Page[EntryT]) -> Iterable[EntryT]:
    """Return a page's entries in the direction of the walk: away from where it began."""
    return reversed(page.data) if "before_id" in operation.query else page.data


def next_page(operation: Operation[Page[EntryT]], page: Page[EntryT]) -> Operation[Page[EntryT]] | None:
    """Return the operation that asks for the page after `page`, or None where the walk has ended.

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
            "returned a page with more after it, but no cursor to continue with", operation=operation.operation
        )
    return replace(operation, query={**operation.query, direction: cursor})

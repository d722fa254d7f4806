"""How the shared poll goes about its work: when to look, at what, and what to make of a failure. Pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_provider_sam.api.backoff import Backoff
from airflow_provider_sam.api.errors import (
    SamError,
    SamNotFoundError,
    SamRequestError,
    SamResponseError,
    SamStatusError,
    SamTransportError,
)
from airflow_provider_sam.exceptions import SamConnectionLookupError

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = 1000
"""Most entries that a page of the list may have."""

BEYOND = 10**9
"""The place in the list of a batch that lies deeper than it was worth looking."""

SHORTEST_INTERVAL = 0.1
"""Seconds between two looks for which even a `poll_interval` of 0 is taken."""

JITTER = 0.1
"""Part of the interval by which a look may come sooner, so that many triggerers do not look at the same moment."""

EARLY = 0.5
"""Part of its interval by which a wait is taken along in a look that others need; it brings waits into one rhythm."""

LONGEST_PAUSE = 120.0
"""Seconds at which doubling pauses end. A server's `retry-after` is honoured whatever its size."""

SPREAD = 2.0
"""Seconds over which looks after a `retry-after` are spread: callers told the same time must not come at once."""

REFUSAL_STANDS = 300.0
"""Seconds for which nothing but a refusal must be the answer before it ends a wait: a key may be being rotated."""

VISIBILITY_TIMEOUT = 900.0
"""Seconds of nothing but 404 after which a batch counts as one that was never there. A new one shows in seconds."""

LEAST_ANSWER_TIME = 10.0
"""Seconds that an answer may take however short the interval is."""

ANSWER_SHARE = 0.5
"""Part of the interval that an answer may take, so that a dripping one does not hold up the looks that follow."""

Reaction = Literal["ask again", "refused", "back off", "reconnect", "drop"]

_OF_ONE_BATCH: dict[int, Reaction] = {
    404: "ask again",
    409: "ask again",
    400: "refused",
    410: "refused",
    422: "refused",
}
_FOR_NOW = frozenset({408, 425, 429})
_SERVER = 500


def reaction_to(error: SamError) -> Reaction:
    """Decide what a look that failed means.

    - `ask again`: this batch may be seen later. The API answers a 404 now and then for a batch that exists.
    - `refused`: the same, but if it lasts, this batch can never be seen.
    - `back off`: nothing can be seen for a while; the rest of the look would fail the same way.
    - `reconnect`: nothing can be seen as the connection is; it may be changed meanwhile, so it is read anew. If it
      lasts, nothing will ever be seen.
    - `drop`: the look was refused before it was sent, and will always be.
    """
    if isinstance(error, SamTransportError | SamResponseError | SamConnectionLookupError):
        return "back off"
    if isinstance(error, SamRequestError):
        return "drop"
    if not isinstance(error, SamStatusError):
        return "reconnect"
    if error.status in _FOR_NOW or error.status >= _SERVER:
        return "back off"
    return _OF_ONE_BATCH.get(error.status, "reconnect")


def lasting_trouble(error: SamError, *, seconds: float, seen: bool, visibility_timeout: float) -> str:
    """Return why a wait is over that has met the same trouble for so long; nothing while it may pass.

    :param error: the failure of the latest look.
    :param seconds: since when looks fail like this, and not otherwise.
    :param seen: whether the batch was ever seen.
    :param visibility_timeout: seconds for which a batch that was never seen may be hidden.
    """
    reaction = reaction_to(error)
    if reaction in {"refused", "reconnect"} and seconds >= REFUSAL_STANDS:
        return f"refused for {seconds / 60:.0f} min: {error}"
    if isinstance(error, SamNotFoundError) and not seen and seconds >= visibility_timeout:
        return (
            f"never seen, nothing but 404 for {seconds / 60:.0f} min. Does the key belong to the "
            f"workspace of this batch, and is the id right? ({error})"
        )
    return ""


def answer_limit(interval: float) -> float:
    """Return how many seconds the whole answer to one request may take."""
    return max(ANSWER_SHARE * interval, LEAST_ANSWER_TIME)


def next_due(*, now: float, interval: float, deadline: float, chance: float) -> float:
    """Decide when a wait looks next: at most an interval from now, and for the last time at its deadline.

    :param chance: a number from 0 to 1, the same for all waits that looked together, so that they stay together.
    """
    # The jitter is taken off, never added: `interval` is what the user was promised at most.
    return min(now + interval * (1 - JITTER * chance), max(deadline, now))


def pause(*, failures: int, interval: float, asked_for: float | None, chance: float) -> float:
    """Decide how many seconds nobody looks after a failure that concerns everybody.

    :param failures: how many looks have failed in a row, this one included.
    :param interval: the shortest interval of the waits.
    :param asked_for: seconds that the server asked to wait (`retry-after`), if it did.
    :param chance: a number from 0 to 1.
    """
    if asked_for is not None:
        # Added, not taken off: before that moment the server would refuse again.
        return asked_for + SPREAD * chance
    backoff = Backoff(first=interval, longest=max(interval, LONGEST_PAUSE), jitter=JITTER)
    return backoff.seconds(failures, chance)


def count_failures(failures: int) -> str:
    """Return how many failures there were, in words for a log."""
    return "1 failure" if failures == 1 else f"{failures} failures"


def wakes_at(*, earliest_due: float, not_before: float, earliest_deadline: float) -> float:
    """Decide when to do something next: look, but not within a pause, and end a wait whose deadline has come."""
    return min(max(earliest_due, not_before), earliest_deadline)


def looks_now(*, due: float, deadline: float, interval: float, now: float, not_before: float) -> bool:
    """Decide whether a wait takes part in a look now: not within a pause, but always at its end.

    A batch that has ended in time is seen, whatever pause its end falls into.
    """
    return deadline <= now or (now >= not_before and due <= now + EARLY * interval)


def pages_to_list(ranks: Iterable[int | None]) -> int:
    """Decide how many pages of the list to ask for, so that pages and single looks are the fewest requests together.

    :param ranks: the place in the list of each batch to look at, counted from 0 at the newest, as last seen; None for
        one that was never placed, which is probably new and so on the first page.
    :return: 0 where asking for each batch is as cheap: its answers are smaller.
    """
    # The list has no filter by id: a page is reached through all pages before it, and answers for every batch on them.
    # So each depth is tried in turn, with a single look for each batch that lies deeper.
    depths = sorted(1 if rank is None else rank // PAGE + 1 for rank in ranks)
    best, cheapest = 0, len(depths)
    for covered, depth in enumerate(depths, start=1):
        requests = depth + len(depths) - covered
        if requests < cheapest:
            best, cheapest = depth, requests
    return best


def page_limit(ranks: Iterable[int | None], pages: int) -> int:
    """Decide how many entries a page must have: as few as needed, with room for what was created meanwhile."""
    # Where more than one page is needed, short ones would only make more of them.
    places = [PAGE if rank is None else rank for rank in ranks if rank is None or rank < pages * PAGE]
    deepest = max(places, default=PAGE)
    return PAGE if pages != 1 else min(PAGE, deepest + deepest // 4 + 20)


def worth_another_page(*, missing: int, unplanned: int) -> bool:
    """Decide whether to list on for batches that were expected on the pages so far and did not show.

    Whatever their place is, this costs at most twice the requests of the best choice.

    :param missing: batches that were not on any page and may still lie deeper.
    :param unplanned: pages listed for their sake so far.
    """
    return missing > unplanned

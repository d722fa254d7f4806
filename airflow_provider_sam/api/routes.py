"""Where each operation lives, and how ids and beta names may enter a URL and a header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import Limits, check_page_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
BATCHES = "/v1/messages/batches"
COMPLETE = "/v1/complete"
MODELS = "/v1/models"

UNSAFE_IN_PATH = re.compile(r"[\s\x00-\x1f\x7f/\\?#%]")
"""What could lead a path elsewhere, escaped or not: some proxies decode escapes before they route."""

BETA_NAME = re.compile(r"[!-+\--~]+")
"""Visible ASCII without the comma that separates names."""


def item(collection: str, identifier: str, *, what: str, action: str = "") -> str:
    """Return the path of one thing in a collection, its id escaped.

    :raises SamRequestError: the id is empty or could lead the path elsewhere.
    """
    if not isinstance(identifier, str) or not identifier or identifier in {".", ".."}:
        raise SamRequestError(f"{what} must be the id that the API returned, got {identifier!r}")
    if found := UNSAFE_IN_PATH.search(identifier):
        raise SamRequestError(f"{what} {identifier!r} holds {found.group()!r}, which no id of the API contains")
    return f"{collection}/{quote(identifier, safe='')}{action}"


def beta_query(betas: Sequence[str] | None) -> dict[str, str]:
    """Return the query that selects the beta route: for any sequence, an empty one too; not for None."""
    return {} if betas is None else {"beta": "true"}


def beta_header(betas: Sequence[str] | None) -> dict[str, str]:
    """Return the header that names the betas, if there are any.

    :raises SamRequestError: not a sequence of names, or a name that no header can carry.
    """
    if not betas:
        return {}
    if isinstance(betas, str):
        raise SamRequestError(f"betas must be a list of names, got the string {betas!r}; write [{betas!r}]")
    for name in betas:
        if not isinstance(name, str) or not BETA_NAME.fullmatch(name):
            raise SamRequestError(f"betas: {name!r} is not a valid beta name")
    return {"anthropic-beta": ",".join(betas)}


def no_beta_names(betas: Sequence[str] | None) -> None:
    """Refuse beta names where the API has a beta route that takes none.

    :raises SamRequestError: names are given.
    """
    if betas:
        raise SamRequestError("betas must be empty here: the beta route of models takes no beta names")


def page_query(after_id: str | None, before_id: str | None, limit: int | None, limits: Limits) -> dict[str, str]:
    """Return the query that asks for one page of a list.

    :raises SamRequestError: both directions at once, an empty id, or a limit that the API does not take.
    """
    if after_id is not None and before_id is not None:
        raise SamRequestError("after_id and before_id ask for opposite directions; give one of them")
    check_page_limit(limit, limits)
    query = {"after_id": after_id, "before_id": before_id, "limit": limit}
    if "" in query.values():
        raise SamRequestError("after_id and before_id must not be empty; leave them out to begin with the newest")
    return {name: str(value) for name, value in query.items() if value is not None}

"""The custom_ids of requests that come without one: their place in the input, behind what no other submission has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = "request"
"""What the custom_ids of requests without one begin with until it is known what their batch's token is."""

TOKEN_LENGTH = 12

_GENERATED_ID = re.compile(rf"(?:[0-9a-f]{{{TOKEN_LENGTH}}}|{PLAIN})-([1-9][0-9]*)")

_ID_START = b'{"custom_id":"'
_PLAIN_START = _ID_START + PLAIN.encode()


def generated_id(token: str, number: int) -> str:
    """Return the custom_id of a request that came without one.

    :param token: of the batch; no other submission has the same, so that a result proves whose it is. `PLAIN` for the
        one that it has here, and had in what earlier versions have sent.
    :param number: the request's place in the input, from 1.
    """
    return f"{token}-{number}"


def with_token(data: bytes, token: str) -> bytes:
    """Return a request that bears a plain custom_id under the one that it is sent with."""
    return _ID_START + token.encode() + data[len(_PLAIN_START) :]


def generated_names(custom_ids: Iterable[str]) -> dict[int, str]:
    """Return the custom_ids that were generated, by the place of their requests from 1.

    :raises SamRequestError: two were generated for the same place, so they are not of one input.
    """
    names: dict[int, str] = {}
    for custom_id in custom_ids:
        if (found := _GENERATED_ID.fullmatch(custom_id)) is None:
            continue
        other = names.setdefault(int(found[1]), custom_id)
        if other != custom_id:
            raise SamRequestError(
                f"only_failed_of holds results of several inputs: {other!r} and {custom_id!r} were both generated for "
                f"request {found[1]} of an input; give the requests custom_ids of their own"
            )
    return names

"""Ids in answers: one rule for those that can be trusted, and the check that an answer is about what was asked for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
"""What the id of a batch looks like, whole: the characters of a `custom_id`, safe in a path, a file name and a URL."""


class UntrustedIdError(ValueError):
    """An answer is a batch but for its id."""


class _Identified(Protocol):
    @property
    def id(self) -> str:
        """The id that the answer bears."""
        ...


IdentifiedT = TypeVar("IdentifiedT", bound=_Identified)


def trusted(identifier: str) -> str:
    """Return the id of a batch as it came.

    :raises ValueError: it is longer than an id of the API, or has characters that lead elsewhere in a path.
    """
    if not BATCH_ID.fullmatch(identifier):
        raise ValueError("not a batch id: use 1 to 128 of the characters a-z, A-Z, 0-9, _ and -")
    return identifier


def about(identifier: str, read: Callable[[bytes], IdentifiedT]) -> Callable[[bytes], IdentifiedT]:
    """Return `read` with a check that the answer bears the id that was asked for.

    The reader raises ValueError where it bears another one.
    """

    def checked(data: bytes) -> IdentifiedT:
        answer = read(data)
        if answer.id != identifier:
            raise ValueError(f"asked about {identifier!r}, the answer is about {answer.id[:128]!r}")
        return answer

    return checked


def created(read: Callable[[bytes], IdentifiedT]) -> Callable[[bytes], IdentifiedT]:
    """Return `read` with words of its own for a batch that was created under an id that cannot be trusted."""

    def checked(data: bytes) -> IdentifiedT:
        try:
            return read(data)
        except ValueError:
            untrusted = _untrusted_id(data)
            if untrusted is None:
                raise
            raise UntrustedIdError(
                f"a batch exists, but its id cannot be trusted: {untrusted[:128]!r} is not an id of the API"
            ) from None

    return checked


def _untrusted_id(data: bytes) -> str | None:
    """Return the id of an answer that is a batch but for its id, or None where it is none at all."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("type") != "message_batch":
        return None
    identifier = answer.get("id")
    return identifier if isinstance(identifier, str) and not BATCH_ID.fullmatch(identifier) else None

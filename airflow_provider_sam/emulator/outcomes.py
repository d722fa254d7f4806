"""How each request of a batch came out: decided once, when the batch ends, as one byte a request."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

Outcome = str | Mapping[str, Any]
"""``succeeded``, ``errored``, ``canceled``, ``expired``; or the error of an errored line: ``{"type":, "message":}``."""

Outcomes = Mapping[str, Outcome] | Callable[[str], Outcome | None]
"""Outcomes by ``custom_id``; a request that is not named, or gets None, comes out as it would by itself."""


class Code(IntEnum):
    """One byte for each way a request can end; an invalid request and an error by decree read differently."""

    SUCCEEDED = 0
    INVALID = 1
    ERRORED = 2
    CANCELED = 3
    EXPIRED = 4


_BY_NAME = {"succeeded": Code.SUCCEEDED, "errored": Code.ERRORED, "canceled": Code.CANCELED, "expired": Code.EXPIRED}


class Decisions:
    """The outcomes of one batch.

    :param codes: one :class:`Code` a request, in the order of the input
    :param errors: the error of those ``custom_id`` that were given one of their own
    """

    def __init__(self, codes: bytes, errors: dict[str, dict[str, Any]]) -> None:
        self.codes = codes
        self.errors = errors

    def counts(self) -> dict[str, int]:
        """Count as ``request_counts`` does; the lines of the results agree, since both are read from ``codes``."""
        count = self.codes.count
        return {
            "processing": 0,
            "succeeded": count(Code.SUCCEEDED),
            "errored": count(Code.INVALID) + count(Code.ERRORED),
            "canceled": count(Code.CANCELED),
            "expired": count(Code.EXPIRED),
        }


def decide(
    verdicts: bytes,
    custom_ids: Callable[[], Iterable[str]],
    *,
    given: Outcomes | None,
    fate: Code | None = None,
    share: float = 1.0,
) -> Decisions:
    """Decide how the requests of a batch end.

    :param verdicts: what each request is by itself: ``SUCCEEDED`` or ``INVALID``
    :param custom_ids: reads the names, in the same order; called only when a name matters
    :param given: outcomes asked for by name; they win over ``fate``, but no invalid request can succeed
    :param fate: ``CANCELED`` or ``EXPIRED`` for what had not run when the batch was canceled or expired
    :param share: the part of the requests, from 0 to 1, that ``fate`` meets; which ones, depends on their names alone
    """
    if given is None and (fate is None or share >= 1.0):
        return Decisions(verdicts if fate is None else bytes([fate]) * len(verdicts), {})
    lookup = given.get if isinstance(given, Mapping) else given
    codes, errors = bytearray(verdicts), dict[str, dict[str, Any]]()
    for index, custom_id in enumerate(custom_ids()):
        outcome = None if lookup is None else lookup(custom_id)
        if isinstance(outcome, Mapping):
            errors[custom_id] = dict(outcome)
            codes[index] = Code.ERRORED
        elif outcome is not None:
            codes[index] = _code(outcome, codes[index])
        elif fate is not None and _draw(custom_id) < share:
            codes[index] = fate
    return Decisions(bytes(codes), errors)


def _code(outcome: str, verdict: int) -> int:
    if outcome not in _BY_NAME:
        raise ValueError(
            f"An outcome is one of {', '.join(_BY_NAME)} or an error with type and message; not {outcome!r}."
        )
    code = _BY_NAME[outcome]
    return verdict if verdict == Code.INVALID and code in {Code.SUCCEEDED, Code.ERRORED} else code


def _draw(custom_id: str) -> float:
    """Return a number from 0 up to 1 that looks random and is always the same for a name."""
    return zlib.crc32(custom_id.encode()) / 2**32

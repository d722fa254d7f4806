"""Where a submission is remembered may be out of reach: ask again, and then say what is remembered and what is not."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_sam.exceptions import SamStateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sam.batches.store.record import Record

T = TypeVar("T")

PAUSES = (1.0, 4.0)
"""Seconds before a further attempt. Airflow's own client has tried several times within each."""

LONGEST_REASON = 300
"""Characters of somebody else's error that are passed on."""


def attempt(what: str, action: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Do what may be done twice, and do it again after a pause where it fails; not where it is forbidden.

    :param what: "x could not be read", for the message.
    :raises SamStateUnavailableError: it fails each time.
    """
    for pause in PAUSES:
        try:
            return action()
        except PermissionError as problem:
            raise _unavailable(what, problem) from problem
        except Exception:  # noqa: BLE001 - whatever it is, the last attempt reports it
            sleep(pause)
    try:
        return action()
    except Exception as problem:
        raise _unavailable(what, problem) from problem


def _unavailable(what: str, problem: Exception) -> SamStateUnavailableError:
    reason = " ".join(str(problem).split())[:LONGEST_REASON]
    return SamStateUnavailableError(f"{what}: {type(problem).__name__}: {reason}")


@contextmanager
def saving(before: Record | None, after: Record) -> Iterator[None]:
    """Let an error say what is remembered if `after` may not have been written over `before`."""
    try:
        yield
    except SamStateUnavailableError as problem:
        problem.retry_hint = retry_hint(before, after)
        raise


@contextmanager
def claiming(batch_id: str, saved: Record | None) -> Iterator[None]:
    """Let an error say what is remembered if a batch may not have been entered in the register."""
    try:
        yield
    except SamStateUnavailableError as problem:
        if saved is not None and batch_id in saved.batch_ids:
            problem.retry_hint = f"Batch {batch_id} is remembered as this task's: the next try attaches to it."
        else:
            problem.retry_hint = f"Batch {batch_id} was not taken: the next try looks again before it sends anything."
        raise


def retry_hint(before: Record | None, after: Record) -> str:
    """Return what is remembered, and what the next try does, if `after` could not be written over `before`."""
    known = before.batch_ids if before else frozenset()
    if new := ", ".join(sorted(after.batch_ids - known)):
        return (
            f"Batch {new} exists, and only the intent to create it is remembered: the next try looks for it before it "
            "sends anything. To spare it the search, set adopt_batch_id."
        )
    remembered = f"What was known before is remembered ({', '.join(sorted(known))})" if known else "Nothing was sent"
    return f"{remembered}; the next try goes on from there."

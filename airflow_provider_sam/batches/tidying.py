"""What was begun is undone where it fails, and what goes wrong then never hides the failure itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def undone_by(undo: Callable[[], object]) -> Iterator[None]:
    """Run the block; where it fails, by a kill of the task too, undo what it has begun and raise the failure.

    :param undo: what goes wrong in it becomes a note of the failure.
    """
    try:
        yield
    except BaseException as failure:
        undo_noted(undo, failure)
        raise


def undo_noted(undo: Callable[[], object], failure: BaseException) -> None:
    """Undo, and let a failure of that become a note of the one before it."""
    try:
        undo()
    except Exception as problem:  # noqa: BLE001 - the first failure is the one to tell
        failure.add_note(f"The clean-up failed as well: {type(problem).__name__}: {problem}")

"""Where work is done that is handed over piece by piece: here, or in a thread beside."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

WAITING = 4
"""How many pieces may wait in a thread before the one who hands over waits too."""


class Lane(Protocol):
    """Does the same work with each piece that is handed over, one after the other, in their order."""

    def put(self, piece: bytes, /) -> object:
        """Hand over a piece. An error of this or an earlier one comes as it is, and no piece after it is worked on."""

    def settle(self) -> None:
        """Wait until all that was handed over is done; an error of it comes as it is."""

    def end(self) -> None:
        """Wait as well, and let go. May be called again; errors are for `settle` to tell."""


class Here:
    """Works at once: what is as fast as memory is slowed down by another thread."""

    def __init__(self, work: Callable[[bytes], object]) -> None:
        self.put = work

    def settle(self) -> None:
        """Do nothing: everything is done."""

    def end(self) -> None:
        """Do nothing."""


class Beside:
    """Works in a thread: what waits for a network does not hold up the one who hands over.

    :param name: of the thread.
    """

    def __init__(self, work: Callable[[bytes], object], name: str) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, piece: bytes, /) -> None:
        """Hand over a piece."""
        self._queue.put(piece)
        self._raise_failure()

    def settle(self) -> None:
        """Wait until all that was handed over is done."""
        self._queue.join()
        self._raise_failure()

    def end(self) -> None:
        """Wait until all is done, and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while True:
            piece = self._queue.get()
            try:
                if piece is None:
                    return
                if self._failure is None:
                    self._work(piece)
            except BaseException as failure:  # noqa: BLE001 - raised where the next piece is handed over
                self._failure = failure
            finally:
                self._queue.task_done()

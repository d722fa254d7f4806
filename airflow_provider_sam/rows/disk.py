"""Sets that may become large: on disk, in a temporary database that nobody else sees and that ends with its process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

CACHE_KIB = 8192
"""KiB of a database that are held in memory."""


def temporary_database() -> sqlite3.Connection:
    """Open a database without a name, whose pages leave memory when they are many; for one thread at a time."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = MEMORY", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
        database.execute(f"PRAGMA {setting}")
    return database


class DiskSet:
    """A set of texts; use it as a context manager."""

    def __init__(self) -> None:
        self._database = temporary_database()
        self._database.execute("CREATE TABLE known (name TEXT PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")  # never ended: nothing of it is to stay

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def add(self, name: str) -> bool:
        """Add a text; return whether it is new."""
        return self._database.execute("INSERT OR IGNORE INTO known VALUES (?)", (name,)).rowcount > 0

    def update(self, names: Iterable[str]) -> None:
        """Add texts."""
        self._database.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((name,) for name in names))

    def __contains__(self, name: str) -> bool:
        with closing(self._database.execute("SELECT 1 FROM known WHERE name = ?", (name,))) as found:
            return found.fetchone() is not None

    def __len__(self) -> int:
        with closing(self._database.execute("SELECT count(*) FROM known")) as found:
            return int(found.fetchone()[0])

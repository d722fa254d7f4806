"""Where batches lie: one directory each, complete from the moment it has its name.

A batch is written beside its place and renamed into it, and so is each later change of its metadata: a process that is
killed at any moment leaves the batches as they were before or after the change. (Nothing is fsynced: the emulator
promises to survive its own death, not that of the machine.)

``records`` holds one line a request, ``custom_id``, a blank and the ``params`` as they came in; ``index`` holds where
each line starts, so that a request is read by one ``pread`` and nothing stays in memory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import uuid
import weakref
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

RECORDS, INDEX, VERDICTS, OUTCOMES, METADATA = "records", "index", "verdicts", "outcomes", "batch.json"

_LONGEST_NAME = 65  # bytes: a custom_id and the blank behind it


class Records:
    """The requests of one batch, open for reading in any order; close it, or use it in a ``with``."""

    def __init__(self, directory: Path) -> None:
        self._starts = array("Q")
        self._starts.frombytes((directory / INDEX).read_bytes())
        self._descriptor = os.open(directory / RECORDS, os.O_RDONLY)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: int) -> tuple[str, bytes]:
        start, end = self._starts[index], self._starts[index + 1]
        custom_id, _, params = os.pread(self._descriptor, end - start - 1, start).partition(b" ")
        return custom_id.decode(), params

    def custom_ids(self) -> Iterator[str]:
        """Read the names alone, in the order of the input."""
        for index in range(len(self)):
            yield os.pread(self._descriptor, _LONGEST_NAME, self._starts[index]).partition(b" ")[0].decode()

    def close(self) -> None:
        """Close the file; reading afterwards is an error."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Store:
    """The directory of all batches.

    :param root: kept for the next process; None for a directory of its own, which goes with the store
    """

    def __init__(self, root: Path | None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="sam-emulator-")) if root is None else root
        self._batches, self._unfinished = self.root / "batches", self.root / "unfinished"
        self._make_rooms()
        self._dispose = weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True) if root is None else None

    def _make_rooms(self) -> None:
        shutil.rmtree(self._unfinished, ignore_errors=True)  # of a process that was killed while taking a batch in
        self._batches.mkdir(parents=True, exist_ok=True)
        self._unfinished.mkdir()

    def unfinished(self) -> Path:
        """Return a new, empty directory for a batch that is being taken in."""
        path = self._unfinished / uuid.uuid4().hex
        path.mkdir()
        return path

    def discard(self, unfinished: Path) -> None:
        """Remove a batch that did not come to be."""
        shutil.rmtree(unfinished, ignore_errors=True)

    def copy(self, unfinished: Path) -> Path:
        """Return a copy of an unfinished batch."""
        path = self.unfinished()
        shutil.copytree(unfinished, path, dirs_exist_ok=True)
        return path

    def adopt(self, unfinished: Path, batch_id: str, metadata: bytes) -> None:
        """Make an unfinished directory the batch ``batch_id``."""
        (unfinished / METADATA).write_bytes(metadata)
        unfinished.rename(self.directory(batch_id))

    def directory(self, batch_id: str) -> Path:
        """Return where the files of a batch are; an id that a test has chosen need not be a file's name."""
        is_name = re.fullmatch(r"[A-Za-z0-9_-]{1,100}", batch_id) is not None
        return self._batches / (batch_id if is_name else f"~{hashlib.sha256(batch_id.encode()).hexdigest()}")

    def records(self, batch_id: str) -> Records:
        """Open the requests of a batch."""
        return Records(self.directory(batch_id))

    def read(self, batch_id: str, name: str) -> bytes:
        """Read one of a batch's small files."""
        return (self.directory(batch_id) / name).read_bytes()

    def write(self, batch_id: str, name: str, content: bytes) -> None:
        """Replace one of a batch's small files, at once."""
        target = self.directory(batch_id) / name
        draft = target.with_name(f"{name}.new")
        draft.write_bytes(content)
        draft.replace(target)

    def metadata(self) -> Iterator[bytes]:
        """Read the metadata of all batches, in no order."""
        for directory in self._batches.iterdir():
            yield (directory / METADATA).read_bytes()

    def remove(self, batch_id: str) -> None:
        """Remove a batch; its name goes first, so that no half of it can be found."""
        leaving = self._unfinished / uuid.uuid4().hex
        self.directory(batch_id).rename(leaving)
        shutil.rmtree(leaving)

    def clear(self) -> None:
        """Remove all batches."""
        shutil.rmtree(self._batches)
        self._make_rooms()

    def close(self) -> None:
        """Remove the directory, if it is the store's own."""
        if self._dispose is not None:
            self._dispose()

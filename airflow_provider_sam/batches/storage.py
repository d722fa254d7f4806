"""A file on object storage that appears whole, by one commit, or never.

fsspec's own means are used wherever a store has them. On S3 that is a multipart upload, completed or aborted; on GCS a
resumable upload, completed or cancelled; on Azure the blocks of a blob, committed, or left for Azure to throw away: it
does so when the blob is written next, or else after a week. On a local file system fsspec would stage in the machine's
temporary folder and move from there, which is a copy, and so can be seen half done, when that folder lies on another
disk; there the file is staged beside its destination and renamed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from airflow_provider_sam.batches.tidying import undone_by

if TYPE_CHECKING:
    from airflow_provider_sam._compat import ObjectStoragePath

BLOCK_SIZE = 16 * 1024 * 1024
"""Bytes of one part of a multipart upload; the stores' least is 5 MiB, and each part is held in memory."""

WRITE_BACK_BYTES = 16 * 1024 * 1024
"""Bytes of a local file after which the disk is set to work on them, so that the commit does not wait for all."""

OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a staged file is opened: through no link, and waiting for nobody at the other end of a pipe."""

NO_PLAIN_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})

LOCAL_PROTOCOLS = frozenset({"", "file", "local"})


class StagedFile(Protocol):
    """A file that nobody sees until `commit`. Exactly one of `commit` and `discard` ends it."""

    def write(self, data: bytes, /) -> object:
        """Add bytes at the end."""

    def flush(self) -> None:
        """Let what was written reach the disk, if there is one: one that is full says so now."""

    def commit(self) -> None:
        """Make the file appear at its destination, replacing what is there, and only then return."""

    def discard(self) -> None:
        """Forget everything that was written; nothing appears."""


def stage(path: ObjectStoragePath) -> StagedFile:
    """Open a staged file for `path`.

    :raises BlockingIOError: another process of this machine is staging the same local file at this moment.
    """
    if is_local(path):
        return _LocalStagedFile(Path(path.path))
    return _RemoteStagedFile(path)


def stage_whole(path: ObjectStoragePath, data: bytes) -> StagedFile:
    """Stage a small file as a whole, so that a disk that is too full for it says so before anything is committed.

    :raises BlockingIOError: as `stage`.
    """
    staged = _staged(path, data)
    with undone_by(staged.discard):
        staged.flush()
    return staged


def write_whole(path: ObjectStoragePath, data: bytes) -> None:
    """Write a small file as a whole, replacing what is there; nobody sees a half.

    :raises BlockingIOError: as `stage`.
    """
    _staged(path, data).commit()


def _staged(path: ObjectStoragePath, data: bytes) -> StagedFile:
    staged = stage(path)
    with undone_by(staged.discard):
        staged.write(data)
    return staged


def create_whole(path: ObjectStoragePath, data: bytes) -> None:
    """Write a small file unless it exists; of several writers at the same time one succeeds, and nobody sees a half."""
    try:
        if is_local(path):
            _link(Path(path.path), data)
        else:
            path.fs.pipe_file(path.path, data, mode="create")
    except FileExistsError:
        return


def _link(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def partial_name(name: str) -> str:
    """Return the name under which a local file is staged."""
    return f".{name}.partial"


def is_local(path: ObjectStoragePath) -> bool:
    """Return whether `path` lies on a file system of this machine."""
    return (path.protocol or "") in LOCAL_PROTOCOLS


class _RemoteStagedFile:
    """Staged by the store itself: fsspec with `autocommit=False`."""

    def __init__(self, path: ObjectStoragePath) -> None:
        self._file: Any = path.fs.open(path.path, "wb", block_size=BLOCK_SIZE, autocommit=False)
        # Azure's file commits when it is closed, `autocommit` or not, and it closes itself when it is forgotten.
        weakref.finalize(self, _silence, self._file)

    def write(self, data: bytes, /) -> object:
        return self._file.write(data)

    def flush(self) -> None:
        pass

    def commit(self) -> None:
        with undone_by(self.discard):
            self._file.close()  # sends what is left
            self._file.commit()  # by now, Azure's file has done so

    def discard(self) -> None:
        # Not closed first: closing sends the last part, and what was sent is about to be thrown away.
        self._file.discard()
        _silence(self._file)


def _silence(file: Any) -> None:
    """Let a file of fsspec send nothing more."""
    file.closed = True


class _LocalStagedFile:
    """Staged as a hidden sibling that its writer holds locked, so that a leftover of a killed writer is told apart.

    The commit replaces what is at the destination, a symbolic link too, whose target stays as it is. The lock goes with
    its process: what a killed task leaves behind is taken over by the next try, and two tasks that
    write the same destination cannot mix their bytes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(partial_name(path.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open_locked()
        self._size = 0
        self._size_on_its_way = 0

    def _open_locked(self) -> IO[bytes]:
        while True:
            file = self._open()
            with undone_by(file.close):
                self._lock(file)
                if self._is_still_at_its_name(file):
                    self._check_own(file)
                    file.truncate(0)
                    return file
            # Its last holder renamed or removed it between our opening and our locking: open the name anew.
            file.close()

    def _open(self) -> IO[bytes]:
        try:
            return os.fdopen(os.open(self._partial, OPEN_FLAGS, 0o666), "ab")
        except OSError as problem:
            if problem.errno in NO_PLAIN_FILE:
                raise self._taken() from problem
            raise

    def _lock(self, file: IO[bytes]) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"another task is writing {self._path} right now") from None

    def _check_own(self, file: IO[bytes]) -> None:
        """Refuse what may be somebody else's file, before its content is thrown away."""
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise self._taken()

    def _taken(self) -> FileExistsError:
        return FileExistsError(f"{self._partial} is a link or no plain file, and none of ours; remove it")

    def _is_still_at_its_name(self, file: IO[bytes]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._partial.stat())
        except FileNotFoundError:
            return False

    def write(self, data: bytes, /) -> object:
        self._size += len(data)
        written = self._file.write(data)
        if self._size - self._size_on_its_way >= WRITE_BACK_BYTES:
            self._begin_write_back()
        return written

    def _begin_write_back(self) -> None:
        """Let the disk begin: Linux writes what it hears is not needed again, and lets nobody wait for that."""
        self._file.flush()
        if hasattr(os, "posix_fadvise"):
            length = self._size - self._size_on_its_way
            os.posix_fadvise(self._file.fileno(), self._size_on_its_way, length, os.POSIX_FADV_DONTNEED)
        self._size_on_its_way = self._size

    def flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def commit(self) -> None:
        with undone_by(self.discard):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._partial.replace(self._path)
        self._file.close()

    def discard(self) -> None:
        self._partial.unlink(missing_ok=True)
        with suppress(OSError):  # on a full disk, closing tries once more to write what is left
            self._file.close()

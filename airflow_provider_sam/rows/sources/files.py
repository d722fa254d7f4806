"""Which files hold the rows of a path: one file, all files of a directory, or those that a pattern names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_provider_sam._compat import ObjectStoragePath

FORMAT_OF_SUFFIX = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.zst": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".ndjson": "jsonl",
    ".ndjson.gz": "jsonl",
    ".ndjson.zst": "jsonl",
}
"""What a file holds, by the end of its name."""

GLOB_CHARACTERS = frozenset("*?[")

HIDDEN = ("_", ".")
"""How the names of files and directories begin that are no data, such as ``_SUCCESS``."""

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

MOST_NAMED = 20
"""Columns that a message names, at most."""


@dataclass(frozen=True)
class RowFile:
    """A file that holds rows.

    :param path: where it lies
    :param format: what it holds: ``parquet``, ``csv`` or ``jsonl``
    :param name: its name for messages about rows: its place below the path that was given; ``""`` for the only file
    :param partitions: the columns that its directories name, such as ``day=2026-01-01``; their values are text
    """

    path: ObjectStoragePath
    format: str
    name: str = ""
    partitions: dict[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.path)


def row_files(path: ObjectStoragePath) -> list[RowFile]:
    """Return the files that `path` means, sorted by their names.

    Below a directory, all files count whose names end as those of tables do, at any depth, but for what is hidden: a
    file or directory whose name begins with ``_`` or a dot.

    :raises SamRequestError: there is none, it is no table, or not all are of one format.
    """
    path.fs.invalidate_cache()  # what an earlier task of this process has seen there may have changed
    pattern = _pattern(path)
    if pattern:
        base, below = _matches(path, pattern)
    elif path.is_dir():
        base, below = path, _files_below(path, path.path)
    elif path.is_file():
        return [RowFile(path, _format(path.name) or _refuse(path))]
    else:
        raise SamRequestError(f"rows: {path} does not exist")
    found = [(name, kind) for name in sorted(below) if (kind := _format(name)) and not _is_hidden(name, pattern)]
    if not found:
        raise SamRequestError(f"rows: {path} contains no table ({', '.join(FORMAT_OF_SUFFIX)})")
    _check_one_format(path, found)
    only = len(found) == 1
    return [RowFile(base / name, kind, "" if only else name, _partitions(name)) for name, kind in found]


def _pattern(path: ObjectStoragePath) -> list[str]:
    """Return the segments of `path` from the first one on that is a pattern."""
    segments = path.path.split("/")
    return next((segments[start:] for start, name in enumerate(segments) if GLOB_CHARACTERS & set(name)), [])


def _matches(path: ObjectStoragePath, pattern: list[str]) -> tuple[ObjectStoragePath, set[str]]:
    """Return the directory that a pattern begins in, and the files at or below the places that it matches."""
    base = path
    for _ in pattern:
        base = base.parent
    below: set[str] = set()
    for place, info in path.fs.glob(path.path, detail=True).items():
        below |= _files_below(base, place) if info["type"] == "directory" else {_relative(base, place)}
    return base, below


def _files_below(base: ObjectStoragePath, place: str) -> set[str]:
    return {_relative(base, file) for file in base.fs.find(place)}


def _relative(base: ObjectStoragePath, place: str) -> str:
    root: str = base.fs._strip_protocol(base.path)  # noqa: SLF001 - what the names that it lists begin with
    return place.removeprefix(root).lstrip("/")


def _is_hidden(name: str, pattern: list[str]) -> bool:
    """Return whether a part of a name says that it is no data, and the user has not asked for such names."""
    return not any(part.startswith(HIDDEN) for part in pattern) and any(
        part.startswith(HIDDEN) for part in name.split("/")
    )


def _format(name: str) -> str | None:
    lower = name.lower()
    return next((kind for suffix, kind in FORMAT_OF_SUFFIX.items() if lower.endswith(suffix)), None)


def _refuse(path: ObjectStoragePath) -> str:
    raise SamRequestError(
        f"rows: {path} has no suffix that says what it holds; rows come from {', '.join(FORMAT_OF_SUFFIX)}, or from a "
        "callable that reads the file and returns a list of mappings"
    )


def _check_one_format(path: ObjectStoragePath, found: list[tuple[str, str]]) -> None:
    firsts = {kind: name for name, kind in reversed(found)}
    if len(firsts) > 1:
        names = " and ".join(sorted(firsts.values())[:2])
        raise SamRequestError(
            f"rows: {path} contains tables of several formats, {names}; select some with a pattern such as *.csv"
        )


def _partitions(name: str) -> dict[str, str | None]:
    pairs = (part.partition("=") for part in name.split("/")[:-1])
    return {key: None if value == NULL_PARTITION else unquote(value) for key, sign, value in pairs if key and sign}


def selected(columns: Collection[str] | None, there: Iterable[str], source: object) -> list[str]:
    """Return the columns to read, in the order in which they are there.

    :param columns: the columns that are needed; None for all.
    :param there: the columns that there are.
    :param source: what has them, for a message.
    :raises SamRequestError: one is not there, or there twice.
    """
    names = list(there)
    twice = sorted({name for name in names if names.count(name) > 1 and (columns is None or name in columns)})
    if twice:
        raise SamRequestError(f"{source} has two columns named {twice[0]!r}; rename one")
    if columns is None:
        return names
    if missing := sorted(set(columns) - set(names)):
        raise SamRequestError(f"{source} has no column {missing[0]!r}; its columns are {listed(names)}")
    return [name for name in names if name in columns]


def listed(names: Iterable[str]) -> str:
    """Return names for a message, and not too many."""
    quoted = [repr(name) for name in names]
    more = [f"{len(quoted) - MOST_NAMED} more"] if len(quoted) > MOST_NAMED else []
    return ", ".join([*quoted[:MOST_NAMED], *more]) or "none"


def lines_of(file: RowFile, longest: int) -> Iterator[bytes]:
    r"""Return the lines of a file, each with its ``\n``, without the mark that some programs put before UTF-8.

    :raises SamRequestError: it cannot be decompressed, or a line is longer than `longest`.
    """
    from io import BytesIO

    from airflow_provider_sam.api.jsonl import iter_blocks
    from airflow_provider_sam.batches.reading import LineTooLongError, bounded, opened

    count = 0
    with opened(file.path) as chunks:
        try:
            for block in iter_blocks(bounded(chunks, longest)):
                lines: Any = BytesIO(block)
                if not count:
                    lines.seek(3 if block.startswith(b"\xef\xbb\xbf") else 0)
                for line in lines:
                    count += 1
                    yield line
        except LineTooLongError:
            raise SamRequestError(
                f"{file} line {count + 1} is longer than {longest} bytes; is it a table with a row on each line?"
            ) from None

"""How results are stored: byte for byte, compressed, as the rows of a Parquet file, or joined to rows as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import compression

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ("jsonl", "parquet", "csv")

PARQUET_SUFFIX = ".parquet"

CSV_SUFFIXES = (".csv", *(f".csv{suffix}" for suffix in compression.SUFFIXES))

JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json", *compression.SUFFIXES)


def format_of(name: str, format: str | None) -> str:  # noqa: A002 - the users' word
    """Return how a file is stored, by what the user says or else by the suffix of its name.

    :param name: the file's; empty for a directory, whose files are named by their format.
    :raises SamRequestError: there is no such format, or the suffix says otherwise.
    """
    if format is not None and format not in FORMATS:
        raise SamRequestError(f"format {format!r} is unknown; it is one of {', '.join(FORMATS)}")
    suffixes = {"csv": CSV_SUFFIXES, "parquet": (PARQUET_SUFFIX,), "jsonl": JSONL_SUFFIXES}
    of_name = next((each for each, suffix in suffixes.items() if name.endswith(suffix)), None)
    if f"{PARQUET_SUFFIX}." in name:
        raise SamRequestError(f"path ends in {name!r}: Parquet compresses itself; end it with {PARQUET_SUFFIX}")
    if format and of_name and format != of_name:
        raise SamRequestError(
            f"path ends in {name!r}, which is {of_name}, and format is {format!r}; change one of them"
        )
    return format or of_name or "jsonl"


class Encoder(Protocol):
    """Turns results into the bytes of a file. Chunks may be of any size; `close` is called once, after the last."""

    is_verbatim: bool
    """Whether the bytes of the file are those that come in."""

    def add(self, chunk: bytes, /) -> object:
        """Take in a chunk."""

    def close(self) -> None:
        """Write what is left."""

    def discard(self) -> None:
        """Let go of what is held; nothing more comes."""


class TableEncoder(Encoder, Protocol):
    """Turns results into a table."""

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of the closed table: `table`, and of its rows what it says of results."""


class Table(Protocol):
    """A table of rows and their answers, which results are turned into."""

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says about the table before it is made."""

    def encoder(self, format: str, write: Callable[[bytes], object], /) -> TableEncoder:  # noqa: A002
        """Return what makes it."""


def table_encoder_for(name: str, format: str, write: Callable[[bytes], object], table: Table) -> TableEncoder:  # noqa: A002
    """Choose how a table is stored, by its format and the suffix of its file's name.

    :raises AirflowOptionalProviderFeatureException: a library that it needs is not installed.
    """
    compressor = compression.compressor_for(name) if format == "csv" else None
    if compressor is None:
        return table.encoder(format, write)
    return _CompressedTable(table, format, _Compressed(compressor, write))


def encoder_for(name: str, format: str, write: Callable[[bytes], object]) -> Encoder:  # noqa: A002 - the users' word
    """Choose how results are stored, by their format and the suffix of their file's name.

    :raises SamRequestError: there is no such format.
    :raises AirflowOptionalProviderFeatureException: a library that it needs is not installed.
    """
    if format == "parquet":
        from airflow_provider_sam.batches.land.parquet import ParquetEncoder

        return ParquetEncoder(write)
    if format != "jsonl":
        raise SamRequestError(f"format {format!r} is unknown; it is one of {', '.join(FORMATS)}")
    compressor = compression.compressor_for(name)
    return _Compressed(compressor, write) if compressor else _Plain(write)


class _Plain:
    is_verbatim = True

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.add = write

    def close(self) -> None:
        """Do nothing: every byte was written."""

    def discard(self) -> None:
        """Do nothing: nothing is held."""


class _Compressed:
    is_verbatim = False

    def __init__(self, compressor: compression.Compressor, write: Callable[[bytes], object]) -> None:
        self._compressor = compressor
        self._write = write

    def add(self, chunk: bytes, /) -> None:
        if data := self._compressor.compress(chunk):
            self._write(data)

    def close(self) -> None:
        self._write(self._compressor.flush())

    def discard(self) -> None:
        """Do nothing: what is held is memory."""


class _CompressedTable:
    is_verbatim = False

    def __init__(self, table: Table, format: str, compressed: _Compressed) -> None:  # noqa: A002 - the users' word
        self._compressed = compressed
        self._encoder = table.encoder(format, compressed.add)
        self.add, self.facts, self.discard = self._encoder.add, self._encoder.facts, self._encoder.discard

    def close(self) -> None:
        self._encoder.close()
        self._compressed.close()

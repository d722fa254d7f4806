"""The form of a manifest, for whoever reads one. `manifest.schema.json` beside this file says the same as JSON Schema.

Whoever reads a manifest ignores what it does not know: later versions of the provider may add fields.
"""

from __future__ import annotations

from typing import Any, TypedDict


class OutcomeCounts(TypedDict):
    """How many results there are of each type. A type that is newer than the provider is counted under its own name."""

    succeeded: int
    errored: int
    canceled: int
    expired: int


class ErrorCount(TypedDict):
    """One kind of error, and how many results have it."""

    type: str
    message: str
    count: int


class Facts(TypedDict):
    """What is counted of results.

    `lines` is their number, `usage` the tokens by model and the API's names, `errors` the most frequent ones.
    """

    lines: int
    counts: OutcomeCounts
    stop_reasons: dict[str, int]
    usage: dict[str, dict[str, int]]
    errors: list[ErrorCount]


class Totals(Facts):
    """What is counted of all results in the files; `bytes` is the size of the files as they are stored."""

    bytes: int


class FileEntry(TypedDict):
    """One file of a publication: `bytes` and `sha256` are those of the file as it is stored."""

    path: str
    format: str
    lines: int
    bytes: int
    sha256: str


class BatchEntry(Facts):
    """One batch of a publication: `bytes` and `sha256` are those of its results as the API sent them.

    `path` is the file that holds them. Moments are ISO 8601.
    """

    batch_id: str
    path: str
    bytes: int
    sha256: str
    created_at: str
    ended_at: str | None
    landing_began_at: str
    landed_at: str


class CarriedOver(Facts):
    """What was taken from an earlier publication, and the files of that publication."""

    files: list[FileEntry]


class TableFacts(TypedDict):
    """What a table of rows and their answers is made of.

    `reused` rows are answered by an earlier publication, `unanswered` ones by none; `dropped` answers belong to no row.
    `columns` are those of the rows, `raw` is the file of the results as the API sent them, where it is kept.
    """

    rows: int
    reused: int
    unanswered: int
    dropped: int
    id_columns: list[str]
    columns: list[str]
    output_schema: dict[str, Any] | None
    raw: FileEntry | None


class _Publication(TypedDict):
    """What every manifest says."""

    version: int
    format: str
    files: list[FileEntry]
    batches: list[BatchEntry]
    carried_over: CarriedOver | None
    total: Totals
    published_at: str


class Manifest(_Publication, total=False):
    """What was published where. `published_at` is when all files were complete, just before they appeared."""

    table: TableFacts | None

"""The manifest: what was published where, as JSON. It is written last, so where it is, all that it names is.

::

    version       1
    format        jsonl or parquet, of a table parquet or csv
    files         path, format, lines, bytes and sha256 of each file as it is stored
    batches       for each batch: batch_id, path, counts, lines, bytes and sha256 of its results as the API sent them,
                  stop_reasons, usage, errors, created_at, ended_at, landing_began_at, landed_at
    carried_over  null, or what came from an earlier publication: its files, and lines, counts, stop_reasons, usage,
                  errors of the results taken from there
    table         null, or what the table of rows is: rows, how many of them are reused (answered by an earlier
                  publication) or unanswered, answers dropped because their rows are gone, id_columns, columns of
                  the rows, output_schema of the answers, and the file of the raw results that is kept, or null
    total         lines, counts, stop_reasons, usage, errors of all results in the files, and the bytes of the files
    published_at  when all files were complete, just before they appeared

Of a table, `total` counts rows, `invalid_output` those whose answer is not of its type and `unanswered` those that have
none; its `usage` is that of the batches and of what was carried over, as ever.

Counts are by result type, `usage` by model and the API's names of tokens, `errors` the most frequent ones. Names and
messages from the API are cut to some length and hold no control characters; names beyond the first hundred are counted
together as `(others)`. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.counting import OUTCOMES, TOP_ERRORS, count_into, room_for
from airflow_provider_sam.batches.land.reader import place_of
from airflow_provider_sam.batches.manifest_types import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_sam._compat import ObjectStoragePath
    from airflow_provider_sam.batches.manifest_types import (
        BatchEntry,
        CarriedOver,
        Facts,
        FileEntry,
        OutcomeCounts,
        TableFacts,
    )

MANIFEST_VERSION = 1
MANIFEST_SUFFIX = ".manifest.json"


def manifest_path(path: ObjectStoragePath) -> ObjectStoragePath:
    """Return the place of the manifest: beside the file or directory that it describes.

    :raises SamRequestError: `path` is a whole bucket, which has no place beside it.
    """
    if not path.name:
        raise SamRequestError(f"path {str(path)!r} is a whole bucket; name a folder in it")
    return object_storage_path(str(path).rstrip("/") + MANIFEST_SUFFIX)


def build_manifest(
    *,
    format: str,  # noqa: A002 - the users' word
    files: Sequence[FileEntry],
    batches: Sequence[BatchEntry],
    carried: CarriedOver | None,
    table: Mapping[str, Any] | None = None,
    raw: FileEntry | None = None,
    published_at: str,
) -> Manifest:
    """Put a manifest together: files and batches, and the sums over them. It holds JSON types only.

    :param table: what the encoder of a table says of it, if it is one.
    :param raw: the file that is kept beside the table.
    """
    parts: list[Facts] = [*batches, *([carried] if carried else [])]
    return {
        "version": MANIFEST_VERSION,
        "format": format,
        "files": list(files),
        "batches": list(batches),
        "carried_over": carried,
        "table": cast("TableFacts", {**table["table"], "raw": raw}) if table else None,
        "total": {**_totals(parts, table), "bytes": sum(file["bytes"] for file in files)},
        "published_at": published_at,
    }


def _totals(parts: Iterable[Facts], table: Mapping[str, Any] | None) -> Facts:
    """Return the sums; those of a table are over its rows, save what was used: that is what these batches have used."""
    sums = _sums(parts)
    if table is not None:
        sums |= cast("Facts", {name: table[name] for name in ("lines", "counts", "stop_reasons", "errors")})
    return sums


def _sums(parts: Iterable[Facts]) -> Facts:
    lines, counts, stop_reasons = 0, Counter(dict.fromkeys(OUTCOMES, 0)), Counter[str]()
    usage: dict[str, Counter[str]] = {}
    errors: Counter[tuple[str, str]] = Counter()
    for part in parts:
        lines += part["lines"]
        count_into(counts, cast("Mapping[str, int]", part["counts"]))
        count_into(stop_reasons, part["stop_reasons"])
        for model, tokens in part["usage"].items():
            usage.setdefault(room_for(model, usage), Counter()).update(tokens)
        errors.update({(error["type"], error["message"]): error["count"] for error in part["errors"]})
    return {
        "lines": lines,
        "counts": cast("OutcomeCounts", dict(counts)),
        "stop_reasons": dict(stop_reasons.most_common()),
        "usage": {model: dict(tokens) for model, tokens in sorted(usage.items())},
        "errors": [
            {"type": kind, "message": message, "count": count}
            for (kind, message), count in errors.most_common(TOP_ERRORS)
        ],
    }


def summary(total: Mapping[str, Any]) -> str:
    """Return the sums of a manifest in a line for a log: outcomes, and the tokens of each model."""
    counts = {name: count for name, count in total["counts"].items() if count or name in OUTCOMES[:2]}
    parts = [", ".join(f"{count:,} {name}" for name, count in counts.items())]
    for model, tokens in total["usage"].items():
        used = sum(count for name, count in tokens.items() if name != "output_tokens")
        parts.append(f"{model} {used:,} in, {tokens.get('output_tokens', 0):,} out")
    return "; ".join(parts)


def read_manifest(source: Any, *, conn_id: str | None = None, what: str = "manifest") -> Manifest:
    """Read a manifest from what a task returned, or from where it lies.

    :param source: the manifest itself, its path, or the path of what it describes.
    :param conn_id: the connection of the object storage, where the path names none.
    :param what: the argument that holds it, for a message.
    :raises SamRequestError: it is not there, or is not a manifest that this version knows.
    """
    if not source:  # None, for one, is what an upstream task leaves that was skipped
        raise SamRequestError(
            f"{what} must be a manifest or the path of one, got {source!r}: no upstream task returned one"
        )
    manifest = source
    if not isinstance(source, Mapping):
        path = place_of(source, conn_id, what=what)
        if not path.name.endswith(MANIFEST_SUFFIX):
            path = manifest_path(path)
        try:
            manifest = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise SamRequestError(f"no manifest found at {path}") from None
        except (ValueError, RecursionError) as problem:
            raise SamRequestError(f"{path} is not a manifest: {problem}") from None
    if not isinstance(manifest, Mapping) or manifest.get("version") != MANIFEST_VERSION:
        version = repr(manifest.get("version") if isinstance(manifest, Mapping) else None)[:80]
        raise SamRequestError(f"the manifest has version {version}; this provider reads version {MANIFEST_VERSION}")
    try:
        msgspec.convert(manifest, Manifest)
    except (msgspec.ValidationError, RecursionError) as problem:
        raise SamRequestError(f"{what} is not a manifest as this provider writes it: {problem}") from None
    return cast("Manifest", dict(manifest))

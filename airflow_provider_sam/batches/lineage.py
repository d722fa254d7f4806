"""Where a publication came from and went to, in the words that lineage tools share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam.batches.manifest_types import Manifest


class DatasetName(NamedTuple):
    """A data set as OpenLineage names it."""

    namespace: str
    name: str


def source_uri(base_url: str, batch_id: str) -> str:
    """Return the address of a batch's results at the API."""
    return f"{base_url}/v1/messages/batches/{batch_id}/results"


def plain_uri(path: str) -> str:
    """Return an object storage URI without the connection in it: ``s3://conn@bucket/key`` is ``s3://bucket/key``."""
    scheme, separator, rest = path.partition("://")
    if not separator:
        return f"file://{path}"
    authority, slash, key = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{key}"


def dataset_name(uri: str) -> DatasetName:
    """Name the data set at a URI: a bucket or host and what is in it; for a local file `file` and its path."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return DatasetName("file", parts.path)
    return DatasetName(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/"))


def inputs_of(manifest: Manifest, base_url: str) -> Iterator[str]:
    """Return the URIs that a publication was made from."""
    for batch in manifest["batches"]:
        yield source_uri(base_url, batch["batch_id"])
    for file in manifest["carried_over"]["files"] if manifest["carried_over"] else ():
        yield plain_uri(file["path"])


def outputs_of(manifest: Manifest) -> Iterator[str]:
    """Return the URIs of the files that a publication consists of."""
    table = manifest.get("table")
    raw = table["raw"] if table else None
    for file in (*manifest["files"], *([raw] if raw else ())):
        yield plain_uri(file["path"])


def event_extra(manifest: Manifest) -> dict[str, Any]:
    """Return what an asset's event says about a publication."""
    total = manifest["total"]
    return {
        "batch_ids": [batch["batch_id"] for batch in manifest["batches"]],
        "counts": total["counts"],
        "lines": total["lines"],
        "bytes": total["bytes"],
        "files": [file["path"] for file in manifest["files"]],
    }

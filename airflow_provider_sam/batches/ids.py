"""One batch or several: whatever an argument `batch_id` holds when its task runs becomes a list of ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.identity import BATCH_ID


def batch_ids(value: object, *, may_be_none: bool = False, may_be_empty: bool = False) -> list[str]:
    """Read one id or several.

    :param may_be_none: whether None and an empty list, as a skipped task leaves them, mean no batch at all.
    :param may_be_empty: whether an empty list does, as a task leaves it that had nothing to send, while None, which
        any task leaves that returned nothing, is an error.
    :raises SamRequestError: there is none, one stands twice, or what came is not an id; the message says what to write.
    """
    if value is None and may_be_none:
        return []
    given = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    ids = [_id(item) for item in given]
    if not ids and not may_be_none and not may_be_empty:
        raise SamRequestError("batch_id is an empty list; name at least one batch")
    if repeated := sorted({item for item in ids if ids.count(item) > 1}):
        raise SamRequestError(f"batch_id names a batch twice: {', '.join(repeated)}")
    return ids


def _id(item: object) -> str:
    if not isinstance(item, str) or not item.strip():
        raise SamRequestError(f"batch_id must be the id of a batch or a list of ids, got {item!r}")
    if item.strip() == "None":
        raise SamRequestError(
            "batch_id is the text 'None', which a template gives where the upstream task returned nothing: check that "
            "task, or pass its `.output`"
        )
    if item.lstrip().startswith("["):
        raise SamRequestError(
            f"batch_id is the text of a list, {item!r}, not a list: pass the upstream task's `.output`, or let the "
            "Dag render templates as native objects"
        )
    return check_batch_id(item)


def check_batch_id(batch_id: str) -> str:
    """Return `batch_id` if the API could have given it: it becomes part of URLs and the name of a file.

    :raises SamRequestError: it holds other characters, or is too long.
    """
    if not BATCH_ID.fullmatch(batch_id):
        raise SamRequestError(
            f"batch_id {batch_id[:80]!r} is not a batch id: use 1 to 128 of the characters a-z, A-Z, 0-9, _ and -"
        )
    return batch_id


def custom_ids_digest(custom_ids: Iterable[str]) -> str:
    """Return the SHA-256 of a batch's custom_ids in hexadecimal; it is the same in whatever order they come."""
    digest = hashlib.sha256()
    for custom_id in sorted(custom_ids):
        digest.update(f"{custom_id}\n".encode())
    return digest.hexdigest()

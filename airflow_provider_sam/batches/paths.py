"""Where a path really leads: a URI is taken as it was written, or refused before anything is read, written or asked.

File systems read more into a path than a place: ``::`` chains two of them, ``?versionId=`` names a version, ``..`` goes
up. Two such paths may be one object, and a manifest written last would be all that is left of the results beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import (
    AirflowOptionalProviderFeatureException,
    object_storage_path,
    optional_library,
)
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.storage import is_local, partial_name

if TYPE_CHECKING:
    from airflow_provider_sam._compat import ObjectStoragePath

EXTRA_OF_SCHEME = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "adl": "azure",
}
"""The extra of this package that brings the file system of a scheme."""

LIBRARY_OF_EXTRA = {"s3": "s3fs", "gcs": "gcsfs", "azure": "adlfs"}

LONGEST_NAME = 255
"""Most bytes of a file's name on the file systems of Linux."""

LONGEST_KEY = 1024
"""Most bytes of an object's key on S3 and Google Cloud Storage; Azure counts as many characters."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
VERSION = re.compile(r"\?(?:version_?id|generation|snapshot)=|#\d+$", re.IGNORECASE)
"""How the file systems of S3, Azure and Google let a path name one version of an object."""


def storage_path(value: Any, conn_id: str | None = None, *, what: str = "path") -> ObjectStoragePath:
    """Return the place that a URI with a scheme names.

    :param conn_id: the connection of the object storage; None for the one that the URI names, if any.
    :param what: the argument that holds it, for a message.
    :raises SamRequestError: it has no scheme, one that no file system is for, or control characters.
    :raises AirflowOptionalProviderFeatureException: the file system is not installed; the message says how to.
    """
    text = str(value)
    if not SCHEME.match(text):
        example = f"file://{text}" if text.startswith("/") else "file:///data/results.jsonl"
        raise SamRequestError(
            f"{what} {text!r} has no scheme, the part before '://' that names the storage: write "
            f"'s3://connection@bucket/key' for a store, or {example!r} for a disk of the worker"
        )
    return _opened(value, conn_id, what)


def readable_path(value: Any, conn_id: str | None = None, *, what: str = "path") -> ObjectStoragePath:
    """Return the place of something to read: as `storage_path`, but a path that begins with a slash is a local file.

    :raises SamRequestError: as `storage_path`.
    :raises AirflowOptionalProviderFeatureException: as `storage_path`.
    """
    return _opened(value, None, what) if str(value).startswith("/") else storage_path(value, conn_id, what=what)


def destination(value: Any, conn_id: str | None = None, *, what: str = "path") -> ObjectStoragePath:
    """Return the place that a URI names, for writing: just what was written, and nothing that the store makes of it.

    :raises SamRequestError: as `storage_path`, or the file system would resolve it to something else.
    :raises AirflowOptionalProviderFeatureException: as `storage_path`.
    """
    path = storage_path(value, conn_id, what=what)
    if _place(str(value)) != _place(str(path)):
        raise SamRequestError(f"{what} {str(value)!r} would become {str(path)!r}; write where it leads")
    check_exact(path, what=what)
    return path


def check_exact(path: ObjectStoragePath, *, what: str = "path") -> None:
    """Check that the file system takes a path to write to for what it says.

    :raises SamRequestError: it means something else there, or its name is too long.
    """
    text, place = str(path), _place(str(path))
    if "::" in text:
        raise SamRequestError(f"{what} {text!r} chains filesystems ('::'); name one place to write to")
    if {".", ".."} & set(place.split("/")):
        raise SamRequestError(f"{what} {text!r} has '.' or '..' in it; write where it leads")
    if VERSION.search(text) and not is_local(path):
        raise SamRequestError(f"{what} {text!r} names a version of an object; leave that out, a write makes a new one")
    if (resolved := _resolved(path)) != place:
        raise SamRequestError(f"{what} {text!r} means {resolved!r} to the store; write where it leads")
    _check_length(path, what)


def _opened(value: Any, conn_id: str | None, what: str) -> ObjectStoragePath:
    text = str(value)
    if CONTROL.search(text):
        raise SamRequestError(f"{what} {text!r} contains a control character; remove it")
    match = SCHEME.match(text)
    scheme = match.group(1).lower() if match else "file"
    try:
        path = object_storage_path(value, conn_id)
        _ = path.fs
    except Exception as problem:
        if extra := EXTRA_OF_SCHEME.get(scheme):
            optional_library(LIBRARY_OF_EXTRA[extra], extra=extra)
        # What Airflow and its path library say of a scheme that nobody has registered.
        if isinstance(problem, ValueError) and re.search(rf"\b{re.escape(scheme)}'?$", str(problem)):
            raise _unknown(what, text, scheme) from problem
        raise
    return path


def _unknown(what: str, text: str, scheme: str) -> Exception:
    if extra := EXTRA_OF_SCHEME.get(scheme):
        return AirflowOptionalProviderFeatureException(
            f"{scheme}:// needs its provider: pip install 'airflow-provider-sam[{extra}]'"
        )
    return SamRequestError(f"{what} {text!r}: no installed provider has a file system for {scheme}://")


def _place(text: str) -> str:
    """Return what a URI names behind its scheme and connection, with single slashes."""
    rest = text.partition("://")[2] if SCHEME.match(text) else text
    authority, slash, key = rest.partition("/")
    return _joined(f"{authority.rpartition('@')[2]}{slash}{key}")


def _resolved(path: ObjectStoragePath) -> str:
    """Return what the file system would open."""
    stripped = str(path.fs._strip_protocol(path.path))  # noqa: SLF001 - what each of its methods begins with
    split = getattr(path.fs, "split_path", None)  # stores with buckets, which take versions out of a path
    return _joined("/".join(split(stripped)[:2]) if split else stripped)


def _joined(place: str) -> str:
    return re.sub("/+", "/", place.strip("/"))


def _check_length(path: ObjectStoragePath, what: str) -> None:
    name = partial_name(path.name) if is_local(path) else _place(str(path)).partition("/")[2]
    limit = LONGEST_NAME if is_local(path) else LONGEST_KEY
    if (length := len(name.encode())) > limit:
        raise SamRequestError(
            f"{what} {str(path)[:80]!r}... is too long: {name[:20]!r}... takes {length} of {limit} bytes"
        )

"""Who and what is let in: the key, the version header, the beta parameter, checked before any route runs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from airflow_provider_sam.emulator.contract import ANTHROPIC_VERSION
from airflow_provider_sam.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from airflow_provider_sam.emulator.service import Call


def check_key(call: Call) -> None:
    """Refuse a call without the right key.

    :raises ApiError: 401
    """
    key = call.request.headers.get("x-api-key")
    if key is None:
        raise ApiError(401, "x-api-key header is required")
    if not secrets.compare_digest(key.encode("latin-1"), call.service.api_key.encode()):
        raise ApiError(401, "invalid x-api-key")


def check_version(call: Call) -> None:
    """Refuse a call that does not say which version of the API it means.

    :raises ApiError: 400
    """
    version = call.request.headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version != ANTHROPIC_VERSION:
        raise invalid(f"anthropic-version: {version!r} is not a valid version; use {ANTHROPIC_VERSION}")


def check_beta(call: Call) -> None:
    """Refuse another value of the ``beta`` parameter than the one that the contract knows.

    :raises ApiError: 400
    """
    if call.query.get("beta", "true") != "true":
        raise invalid("beta: must be 'true' or left out")

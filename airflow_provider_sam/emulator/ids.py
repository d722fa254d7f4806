"""Names the server gives: for requests, batches and messages."""

from __future__ import annotations

import hashlib
import secrets


def random_id(prefix: str) -> str:
    """Return a new name such as ``msgbatch_9f0c...``: unique, and telling nothing about order."""
    return f"{prefix}_{secrets.token_hex(12)}"


def stable_id(prefix: str, *parts: str) -> str:
    """Return the name that always goes with ``parts``, so results read twice are the same bytes."""
    return f"{prefix}_{hashlib.blake2b('/'.join(parts).encode(), digest_size=12).hexdigest()}"

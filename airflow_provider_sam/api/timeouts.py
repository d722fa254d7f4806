"""How long an answer may take that is only sent when it is whole: pure functions of what was asked, in seconds."""

from __future__ import annotations

SLOWEST_TOKENS_PER_SECOND = 20.0
"""A rate that large models under load rarely fall below."""

SLOWEST_UPLOAD_BYTES_PER_SECOND = 1_000_000.0
"""A rate at which a service is sure to have read and stored the requests of a batch it has received."""

LONGEST_MESSAGE = 3600.0
"""What needs longer belongs into a stream or a batch."""


def message_timeout(max_tokens: object, *, floor: float) -> float:
    """Return the read time-out of a message that is not streamed: `floor` and the time its tokens may need, up to 1 h.

    Nothing arrives before the last token is generated, so a fixed time-out would break exactly the long answers, after
    they were paid for.

    :param max_tokens: as given in the params; anything but a positive whole number leaves the floor.
    :param floor: the connection's read time-out, never undercut.
    """
    if not isinstance(max_tokens, int) or max_tokens <= 0:
        return floor
    return max(floor, min(floor + max_tokens / SLOWEST_TOKENS_PER_SECOND, LONGEST_MESSAGE))


def upload_timeout(content_length: int, *, floor: float) -> float:
    """Return the read time-out after a body of `content_length` bytes: `floor` and the time to digest it.

    Giving up on a large batch too early leaves open whether it was created.
    """
    return floor + content_length / SLOWEST_UPLOAD_BYTES_PER_SECOND

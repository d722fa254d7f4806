"""The service's limits, each named once, and the checks made before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_sam.api.errors import SamRequestError

__all__ = [
    "Limits",
]

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What a `custom_id` looks like, whole; from the contract's section on batches."""

MESSAGE_PARAMS = ("model", "max_tokens", "messages")
"""The parameters that every message needs."""

COUNT_TOKENS_PARAMS = ("model", "messages")
COMPLETION_PARAMS = ("model", "max_tokens_to_sample", "prompt")

NOT_PARAMS: Mapping[str, str] = {
    "betas": "give betas= to the call or the operator; they travel in a header",
    "extra_body": "put the fields themselves among the params",
    "extra_headers": "an API request has no headers of its own",
    "extra_query": "an API request has no query of its own",
    "timeout": "time-outs belong to the connection or the call",
}
"""Names that client libraries take beside the API's parameters, and where each belongs here."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that is sent, and the most of an answer that is read; a connection may name others. Sizes are bytes.

    :param max_batch_requests: requests in one batch.
    :param max_batch_bytes: the body of one batch.
    :param max_message_bytes: the body of any other request.
    :param max_page: entries on one page of a list.
    :param max_answer_bytes: an answer that is read whole, decompressed; or one event of a stream.
    :param max_error_bytes: how much of the body of an error is read.
    :param max_result_line_bytes: one line of a batch's results.
    """

    max_batch_requests: int = 100_000
    max_batch_bytes: int = 256_000_000
    max_message_bytes: int = 32_000_000
    max_page: int = 1000
    max_answer_bytes: int = 64_000_000
    max_error_bytes: int = 64_000
    max_result_line_bytes: int = 32_000_000


class CustomIds:
    """The custom_ids of one batch, each allowed once."""

    def __init__(self) -> None:
        self._index_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._index_of)

    def add(self, custom_id: str, index: int) -> None:
        """Remember that request number `index` is called `custom_id`.

        :raises SamRequestError: another request of the batch is called so already.
        """
        first = self._index_of.setdefault(custom_id, index)
        if first != index:
            raise SamRequestError(
                f"requests[{index}]: custom_id {custom_id!r} is already used by requests[{first}]; make them unique"
            )


def check_custom_id(custom_id: object, *, index: int) -> str:
    """Return `custom_id` back if the API would take it.

    :raises SamRequestError: it is missing, no string, or has another form than the API allows.
    """
    if isinstance(custom_id, str) and CUSTOM_ID.fullmatch(custom_id):
        return custom_id
    problem = "is missing" if custom_id is None else f"{_shortened(custom_id)} is not allowed"
    raise SamRequestError(
        f"requests[{index}]: custom_id {problem}; write 1 to 64 of the characters a-z, A-Z, 0-9, _ and -"
    )


def check_params(params: object, required: tuple[str, ...], *, where: str = "params") -> None:
    """Check that `params` is a mapping with every `required` key and none that belongs elsewhere.

    Only presence is checked: what the values mean is for the API to say, which may be newer than we are.

    :param where: what to call the params in an error, such as ``requests[3].params``.
    :raises SamRequestError: naming the key and what to do.
    """
    if not isinstance(params, Mapping):
        raise SamRequestError(f"{where} must be a mapping of the API's parameters, got {type(params).__name__}")
    if missing := [name for name in required if params.get(name) is None]:
        raise SamRequestError(f"{where}: {' and '.join(missing)} missing; the API requires {', '.join(required)}")
    for name, remedy in NOT_PARAMS.items():
        if name in params:
            raise SamRequestError(f"{where}: {name!r} is not a parameter of the API; {remedy}")
    if params.get("stream", False) is not False:
        streams = "stream_completion" if required is COMPLETION_PARAMS else "stream_message"
        raise SamRequestError(
            f"{where}: 'stream' must be false or left out here; the client's method {streams} streams, a batch cannot"
        )


def check_batch_request(index: int, request: object) -> str:
    """Check one request of a batch and give its custom_id.

    :param index: where it stands, counted from 0, for the message.
    :raises SamRequestError: naming index, custom_id, field and what to do.
    """
    if not isinstance(request, Mapping):
        raise SamRequestError(
            f"requests[{index}] must be a mapping with custom_id and params, got {type(request).__name__}"
        )
    custom_id = check_custom_id(request.get("custom_id"), index=index)
    where = f"requests[{index}] (custom_id {custom_id!r}): params"
    if request.get("params") is None:
        raise SamRequestError(f"{where} missing; put the message's parameters there")
    check_params(request["params"], MESSAGE_PARAMS, where=where)
    return custom_id


def check_batch_count(count: int, limits: Limits) -> None:
    """Check that a batch of `count` requests is neither empty nor too long.

    :raises SamRequestError: naming the limit.
    """
    if not count:
        raise SamRequestError("requests is empty; a batch needs at least one request")
    if count > limits.max_batch_requests:
        raise SamRequestError(f"more than {limits.max_batch_requests} requests; split them into several batches")


def check_size(size: int, limit: int, *, what: str) -> None:
    """Check that a body of `size` bytes is within `limit`.

    :raises SamRequestError: naming both.
    """
    if size > limit:
        raise SamRequestError(f"{what} has {size} bytes, the limit is {limit}; send less at once")


def check_page_limit(limit: Any, limits: Limits) -> None:
    """Check the number of entries asked for on one page.

    :raises SamRequestError: naming the limit.
    """
    if limit is not None and not 1 <= limit <= limits.max_page:
        raise SamRequestError(f"limit {limit} is not allowed; write 1 to {limits.max_page} entries a page")


def _shortened(value: object, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."

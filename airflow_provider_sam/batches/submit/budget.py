"""What a submission may cost at most, checked before anything is sent: its requests, and its tokens by a sample."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.exceptions import SamBudgetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.submit.requests import PreparedRequest

COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking")
"""The parameters of a message that count_tokens takes; the others add no input."""


class Sample:
    """A few of all requests, each as likely as any other, chosen in one pass; the same for the same input.

    :param size: how many.
    """

    def __init__(self, size: int) -> None:
        self.requests: list[bytes] = []
        self._size = size
        self._seen = 0
        self._random = random.Random(0)  # noqa: S311 - a retry must decide as the first try did

    def add(self, request: PreparedRequest) -> None:
        """Look at one more request."""
        self._seen += 1
        if len(self.requests) < self._size:
            self.requests.append(request.data)
        elif (place := self._random.randrange(self._seen)) < self._size:
            self.requests[place] = request.data


def check_number(total: int, max_requests: int | None) -> None:
    """Hold an input to its number of requests.

    :raises SamBudgetError: there are more.
    """
    if max_requests is not None and total > max_requests:
        raise SamBudgetError(f"the input has {total} requests, but max_requests is {max_requests}")


def check_tokens(estimate: int, max_input_tokens: int | None, *, sample: Sample, total: int) -> None:
    """Hold an input to its tokens.

    :raises SamBudgetError: the estimate for all requests is higher.
    """
    if max_input_tokens is not None and estimate > max_input_tokens:
        raise SamBudgetError(
            f"about {estimate} input tokens, estimated from {len(sample.requests)} of {total} requests, but "
            f"max_input_tokens is {max_input_tokens}"
        )


def estimate_tokens(client: SamClient, sample: Sample, total: int, *, betas: Sequence[str] | None, log: Logger) -> int:
    """Return about how many input tokens all requests have, as the API counts those of a sample; counting is free.

    :raises SamRequestError: a request is larger than the API counts.
    """
    largest, limit = max(map(len, sample.requests)), client.settings.limits.max_message_bytes
    if largest > limit:
        raise SamRequestError(
            f"input tokens cannot be estimated: a request has {largest} bytes, and the API counts tokens of up to "
            f"{limit} (max_message_bytes). Leave out max_input_tokens and dry_run, or make the request smaller"
        )
    counted = [client.count_tokens(_countable(data), betas=betas).input_tokens for data in sample.requests]
    estimate = round(sum(counted) / len(counted) * total)
    log.info("About %d input tokens, estimated from %d of %d requests", estimate, len(counted), total)
    return estimate


def _countable(data: bytes) -> dict[str, Any]:
    params: dict[str, Any] = msgspec.json.decode(data)["params"]
    return {name: params[name] for name in COUNTED if name in params}

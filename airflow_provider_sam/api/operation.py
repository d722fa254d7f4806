"""One request to the API as a value: what to send, how to read the answer, what sending it twice does. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_sam.api.routes import BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_sam.api.bodies import BatchBody

T_co = TypeVar("T_co", covariant=True)


class Effect(Enum):
    """What sending the same request a second time does; decides what may be repeated."""

    SAME = "the same as sending it once"
    BILLED = "runs, and is billed, a second time"
    CREATED = "leaves a second batch behind, billed too"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that both clients know how to send; its answer may be streamed.

    :param operation: the client method, for errors and logs.
    :param path: percent-escaped, relative to the connection's host.
    :param headers: those of this operation, beside the ones that every request carries.
    :param body: bytes, or a `BatchBody` to be streamed.
    :param read_timeout: seconds to wait for the next bytes of the answer.
    :param retry_for: seconds from the first attempt within which repeats may begin.
    """

    operation: str
    method: str
    path: str
    effect: Effect
    read_timeout: float
    retry_for: float
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BatchBody | None = field(default=None, repr=False)

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing and costs nothing, so that it does not matter whether it ran."""
        return self.method == "GET" or self.operation == "count_tokens"

    @property
    def is_of_batches(self) -> bool:
        """Whether it is about batches that exist, which may be invisible for a moment."""
        return self.path.startswith(BATCHES) and self.effect is not Effect.CREATED


@dataclass(frozen=True, kw_only=True)
class Operation(Request, Generic[T_co]):
    """A request whose answer is read whole.

    :param read: turns the body of a successful answer into a value; raises `ValueError` if it cannot.
    """

    read: Callable[[bytes], T_co]


def operation_of(request: Request, read: Callable[[bytes], T_co]) -> Operation[T_co]:
    """Return the operation that sends `request` and reads its answer whole."""
    return Operation(read=read, **vars(request))

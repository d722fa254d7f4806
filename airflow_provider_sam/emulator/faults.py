"""What can go wrong on the way, as data: which call meets which effect.

A fault is a value: ``Fault(Status(529, retry_after=1), operation="messages_create", nth=2)`` lets the second message
call be answered by 529. The same values come as JSON over the control routes, the effect named by its ``type``. How an
effect is brought about is told in ``injection``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="status"):
    """The call is answered by another status, with the contract's error body unless told otherwise.

    :param retry_after: the header's value; None sends none
    :param error_type: ``error.type``; by default the one that goes with the status
    :param details: ``error.details``
    :param body: sent in place of the error body, as a proxy would do; may be empty
    :param content_type: of ``body``
    :param headers: more headers, such as the ``location`` of a redirect
    :param accepted: do first what was asked, then answer so: a create has happened, and nobody knows
    """

    status: int
    retry_after: float | str | None = None
    error_type: str | None = None
    message: str = "A fault was injected."
    details: dict[str, object] | None = None
    body: str | None = None
    content_type: str = "text/html"
    headers: dict[str, str] = {}
    accepted: bool = False


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="delay"):
    """The call is handled only after some seconds."""

    seconds: float


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drop"):
    """The connection is closed without an answer.

    :param accepted: do first what was asked
    :param reset: close by RST and not by FIN
    :param read_body: when nothing is done, whether the request is read to its end before
    """

    accepted: bool = False
    reset: bool = False
    read_body: bool = True


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="cut"):
    """The connection is closed after some bytes of the answer's body; what is cut stays unfinished on the wire.

    :param reset: close by RST and not by FIN
    """

    after_bytes: int
    reset: bool = False


class Stall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stall"):
    """The answer's body pauses once, after some bytes."""

    after_bytes: int
    seconds: float


class Slow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="slow"):
    """The answer's body comes in small pieces with a pause after each."""

    chunk_bytes: int = 64
    pause: float = 0.01


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="lines"):
    """One line of the answer is wrong, and the answer looks complete.

    :param what: the line is ``torn`` (its second half is gone), ``duplicate``, ``missing``, ``foreign`` (followed by
        one that belongs to no request) or ``replaced`` by ``text``
    :param line: which line, counted from 0
    :param text: what stands in place of the line, before its line feed
    """

    what: Literal["torn", "duplicate", "missing", "foreign", "replaced"]
    line: int = 0
    text: str = ""


class SseError(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sse_error"):
    """A stream of events goes wrong after a 200: an ``error`` event comes, and nothing after it.

    :param after_events: how many events come before it
    """

    error_type: str = "overloaded_error"
    message: str = "Overloaded"
    after_events: int = 2


class LateVisibility(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="late_visibility"):
    """The batch that this call creates is neither listed nor found at first.

    :param looks: hidden from that many retrieves and lists
    :param seconds: hidden for that long
    """

    looks: int = 0
    seconds: float = 0.0


class ChosenId(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="chosen_id"):
    """The batch that this call creates has this id, whatever it looks like, wherever it is shown."""

    id: str


class RepeatedCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="repeated_create"):
    """A gateway sends one create more than once: several equal batches, one answer.

    :param times: how often it is sent in all
    :param answer: which of the batches the answer describes
    """

    times: int = 2
    answer: Literal["first", "last"] = "last"


class AlteredBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="altered_batch"):
    """One batch reads differently in this answer, alone or in a list; the batch itself stays what it is.

    :param fields: laid over the batch's own, such as ``{"expires_at": None}`` or ``{"id": "msgbatch_other"}``
    :param without: fields that are missing
    :param batch_id: which batch; None for the first in the answer
    """

    fields: dict[str, object] = {}
    without: tuple[str, ...] = ()
    batch_id: str | None = None


class ListedTwice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="listed_twice"):
    """The list shows one batch twice, one right behind the other.

    :param batch_id: which batch; None for the first in the answer
    """

    batch_id: str | None = None


Effect = (
    Status
    | Delay
    | Drop
    | Cut
    | Stall
    | Slow
    | Lines
    | SseError
    | LateVisibility
    | ChosenId
    | RepeatedCreate
    | AlteredBatch
    | ListedTwice
)

EffectT = TypeVar("EffectT", bound=Effect)


def effect_of(effects: Iterable[Effect], kind: type[EffectT]) -> EffectT | None:
    """Return the first effect of one kind, or None."""
    return next((effect for effect in effects if isinstance(effect, kind)), None)


def effect_type(effect: Effect) -> str:
    """Return the name of an effect as it is written in JSON."""
    return str(effect.__struct_config__.tag)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An effect, and the calls that meet it.

    :param operation: the ``operationId`` of the contract; None for any
    :param nth: the first call that meets it, counted from 1 since the fault was added
    :param times: how many calls in a row meet it; None for all from then on
    :param seconds: in place of ``times``: all calls meet it until that long after the first that did
    :param path_contains: only calls whose path has this in it, such as a batch's id
    """

    effect: Effect
    operation: str | None = None
    nth: int = 1
    times: int | None = 1
    seconds: float | None = None
    path_contains: str = ""


@dataclass(slots=True)
class _Armed:
    fault: Fault
    calls: int = 0
    first_met: float | None = None


class Faults:
    """The faults that are set; several may meet one call.

    :param monotonic: seconds that only grow
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []

    def add(self, *faults: Fault) -> None:
        """Set more faults."""
        with self._lock:
            self._armed.extend(_Armed(fault) for fault in faults)

    def clear(self) -> None:
        """Take all faults away; calls that have met one go on with it."""
        with self._lock:
            self._armed.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults that may still meet a call."""
        with self._lock:
            return tuple(armed.fault for armed in self._armed if not self._is_over(armed))

    def meet(self, operation: str | None, path: str) -> tuple[Effect, ...]:
        """Count a call, and return the effects that it meets, in the order in which they were added."""
        with self._lock:
            return tuple(armed.fault.effect for armed in self._armed if self._meets(armed, operation, path))

    def _meets(self, armed: _Armed, operation: str | None, path: str) -> bool:
        fault = armed.fault
        if fault.operation not in {None, operation} or fault.path_contains not in path:
            return False
        if self._is_over(armed):
            return False
        armed.calls += 1
        if armed.calls < fault.nth:
            return False
        if armed.first_met is None:
            armed.first_met = self._monotonic()
        return True

    def _is_over(self, armed: _Armed) -> bool:
        fault = armed.fault
        if fault.times is not None and fault.seconds is None and armed.calls >= fault.nth - 1 + fault.times:
            return True
        return (
            fault.seconds is not None
            and armed.first_met is not None
            and self._monotonic() - armed.first_met >= fault.seconds
        )

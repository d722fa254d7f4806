"""One request of a batch, whatever it comes as, becomes the bytes that the API takes, or a problem with its place.

A line that is complete passes unchanged: it is read once to be checked, and never written again. Where a whole block of
lines is complete, it is read, checked and passed on at once, which takes less than half the time.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_sam.api.bodies import LINES, encode
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.limits import CUSTOM_ID, MESSAGE_PARAMS, NOT_PARAMS, check_params
from airflow_provider_sam.batches.submit.generated_ids import PLAIN, generated_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEPARATOR = LINES.separator
"""Between two requests; within one no line ends."""

LARGEST_BLOCK = 1 << 25
"""Bytes of lines that are read at once at most; so many come of a little compressed data."""

TEXT_BYTES = 1 << 20
"""Bytes that are decoded at once, to see whether they are text."""

_UTF8 = codecs.getincrementaldecoder("utf-8")

_NULL = msgspec.Raw(b"null")

_COMPLETE_TYPES: Mapping[str, Any] = {"model": str, "max_tokens": int, "messages": list[msgspec.Raw]}
"""What the required parameters are as a rule. A line where one is not is read again, more patiently."""

_CUSTOM_IDS = re.compile(rf"(?:{CUSTOM_ID.pattern}\n)*")

# What must be there and what must not, in one pass over the line; what may be large is looked at, and not built.
_Params: Any = msgspec.defstruct(
    "_Params",
    [
        *((name, _COMPLETE_TYPES[name]) for name in MESSAGE_PARAMS),
        *((name, msgspec.UnsetType, msgspec.UNSET) for name in (*NOT_PARAMS, "stream")),
    ],
)


class _Complete(msgspec.Struct):
    custom_id: str
    params: _Params


class _Loose(msgspec.Struct):
    custom_id: Any = None
    params: msgspec.Raw = _NULL


class Entry(NamedTuple):
    """One request as it came.

    :param place: where it stands, for a message: the file's name and the line's number, or None and the position in
        a list, from 0.
    :param value: a line of JSONL as bytes; else a prompt, or a mapping with `custom_id` and `params`.
    """

    place: tuple[str | None, int]
    value: object

    def where(self) -> str:
        """Say where it stands."""
        name, number = self.place
        return f"requests[{number}]" if name is None else f"{name} line {number}".lstrip()


class Block(NamedTuple):
    """Many lines of JSONL as they came.

    :param name: the file's, empty where there is only one.
    :param number: of the first line, from 1.
    :param data: whole lines; the last one lacks its line end.
    """

    name: str
    number: int
    data: bytes

    def entries(self) -> Iterator[Entry]:
        """Return the lines one by one."""
        for line in iter_lines([self.data], number=self.number):
            yield Entry((self.name, line.number), line.data)


class PreparedRequest(NamedTuple):
    """One request as it is sent.

    :param generated: it came without a custom_id and bears a plain one until it is known what its batch's token is.
    """

    custom_id: str
    data: bytes
    generated: bool = False


class PreparedBlock(NamedTuple):
    """Many requests as they are sent: read and found complete, or written by what writes nothing else.

    :param name: of the file, empty where there is only one.
    :param number: of the first request, from 1.
    :param custom_ids: what they are called, in order.
    :param lines: the requests.
    """

    name: str
    number: int
    custom_ids: Sequence[str]
    lines: Sequence[bytes]

    def entries(self) -> Iterator[Entry]:
        """Return the requests one by one."""
        return (Entry((self.name, number), line) for number, line in enumerate(self.lines, self.number))


Part = Entry | Block | PreparedBlock
"""A piece of an input: a request, or many."""


class RequestReader:
    """Reads requests in the order of the input.

    How large a request may be is for the batch to say, not for its reader: the limit of a message's body is another.

    :param defaults: parameters for the requests that lack them.
    :param model: the connection's, for requests that get none from `defaults` either.
    :param names: custom_ids that an earlier round has generated, by the place of their requests from 1.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any] | None = None,
        *,
        model: str | None = None,
        names: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._names = names
        self._model = {} if model is None else {"model": _json(model, "model")}
        self.without_model = 0
        """How many requests have got the connection's model."""

        self._defaults = {name: _json(value, f"defaults[{name!r}]") for name, value in (defaults or {}).items()}
        self._read_complete = msgspec.json.Decoder(_Complete).decode
        self._read_all_complete = msgspec.json.Decoder(list[_Complete]).decode

    def read(self, entry: Entry, number: int) -> PreparedRequest:
        """Return the request as it is sent.

        :param number: its place in the whole input, from 1; names it where it has no custom_id.
        :raises SamRequestError: it is not what the API takes; the message names place, custom_id and what to write.
        """
        value = entry.value
        data = value if isinstance(value, bytes) else encode_value(value, entry)
        if not self._defaults:
            prepared = self._read_unchanged(data)
            if prepared is not None:
                return prepared
        return self._read_loosely(data, entry, number)

    def read_unchanged(self, block: Block) -> PreparedBlock | None:
        """Take a block of complete requests as it is; None where any line needs a look of its own."""
        if self._defaults or len(block.data) > LARGEST_BLOCK:  # no copies are made of a large line
            return None
        lines = block.data.replace(b"\r\n", b"\n") if b"\r" in block.data else block.data  # the search alone is quick
        data = lines.replace(b"\n", SEPARATOR)
        try:
            requests = self._read_all_complete(b"[%s]" % data)
            data.decode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        custom_ids = [request.custom_id for request in requests]
        one_a_line = len(custom_ids) == 1 + len(data) - len(lines)  # each line feed has become a byte longer
        if one_a_line and _CUSTOM_IDS.fullmatch("\n".join([*custom_ids, ""])):
            return PreparedBlock(block.name, block.number, custom_ids, lines.split(b"\n"))
        return None

    def _read_unchanged(self, data: bytes) -> PreparedRequest | None:
        """Take a complete request as it is; None where anything about it needs a second look."""
        try:
            request = self._read_complete(data)
            _check_utf8(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if CUSTOM_ID.fullmatch(request.custom_id):
            return PreparedRequest(request.custom_id, data)
        return None

    def _read_loosely(self, data: bytes, entry: Entry, number: int) -> PreparedRequest:
        where = entry.where()
        custom_id, given = _parts(data, where)
        if custom_id is None:
            return self._complete(self._names.get(number), generated_id(PLAIN, number), given, where)
        if not isinstance(custom_id, str) or not CUSTOM_ID.fullmatch(custom_id):
            shown = repr(custom_id)[:80]
            raise SamRequestError(
                f"{where}: custom_id {shown} is not allowed; write 1 to 64 of the characters a-z, A-Z, 0-9, _ and -"
            )
        return self._complete(custom_id, "", given, where)

    def _complete(self, given_id: str | None, plain_id: str, given: dict[str, Any], where: str) -> PreparedRequest:
        where = f"{where} (custom_id {given_id!r}): params" if given_id else f"{where}: params"
        own = {**self._defaults, **given}
        self.without_model += bool(self._model) and "model" not in own
        params = encode({**self._model, **own})
        _check_params(msgspec.json.decode(params), where=where)
        custom_id = given_id or plain_id
        data = b'{"custom_id":"%s","params":%s}' % (custom_id.encode(), params)
        return PreparedRequest(custom_id, data, generated=not given_id)


def encode_value(value: object, entry: Entry) -> bytes:
    """Write a request that came as Python data as a line of JSONL.

    :raises SamRequestError: it is neither a mapping nor a prompt, or has no form in JSON.
    """
    if not isinstance(value, (str, Mapping)):
        raise SamRequestError(f"{entry.where()} must be a mapping with params, or a prompt; got {type(value).__name__}")
    if isinstance(value, str):
        return bytes(_json(value, entry.where()))
    return encode(value, what=entry.where())


def _parts(data: bytes, where: str) -> tuple[object, dict[str, msgspec.Raw]]:
    """Take a line apart: its custom_id, if any, and its params; a bare prompt is a message of the user."""
    try:
        _check_utf8(data)
        if data.lstrip().startswith(b'"'):
            prompt = msgspec.json.decode(data, type=str)
            return None, {"messages": _json([{"role": "user", "content": prompt}], where)}
        loose = msgspec.json.decode(data, type=_Loose)
        if loose.params == _NULL:
            raise SamRequestError(f"{where}: params missing; put the message's parameters there")
        return loose.custom_id, msgspec.json.decode(loose.params, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The text of these errors names a type or a position, never a value.
        raise SamRequestError(f"{where}: neither a JSON object with params nor a JSON string: {error}") from None


def _check_params(params: dict[str, Any], *, where: str) -> None:
    try:
        check_params(params, MESSAGE_PARAMS, where=where)
    except SamRequestError as problem:
        if params.get("model") is not None:
            raise
        ways = "give a model in the request, in defaults, or in the connection's extra 'model'"
        raise SamRequestError(f"{problem.message}; {ways}") from None


def _check_utf8(data: bytes) -> None:
    """Check that a line is UTF-8, piece by piece, as a text in memory may be four times as large.

    :raises UnicodeDecodeError: it is not.
    """
    decode = _UTF8().decode
    for at in range(0, len(data), TEXT_BYTES):
        decode(data[at : at + TEXT_BYTES])
    decode(b"", final=True)


def _json(value: object, what: str) -> msgspec.Raw:
    """Write any value, which `encode` would only take as a mapping."""
    return msgspec.Raw(encode({"": value}, what=what).removeprefix(b'{"":').removesuffix(b"}"))

"""Prompts with placeholders: ``{column}`` stands for a row's value, and for nothing else; ``{{`` is a brace.

Neither Jinja nor `str.format` has a part in it, so no value can be taken for a template, and no placeholder reaches
beyond the row. What is the same for all rows is written as JSON once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKENS = re.compile(r"(\{\{|\}\}|\{[^{}]*\}|[{}])")


class Column(NamedTuple):
    """Where the value of a column goes."""

    name: str


class Literal(NamedTuple):
    """JSON that is the same for every row."""

    data: bytes


def parse(text: str, *, what: str) -> Iterator[str | Column]:
    """Take a text with placeholders apart.

    :param what: the argument that holds it, for a message.
    :raises SamRequestError: a brace stands alone, or a placeholder is empty.
    """
    for token in _TOKENS.split(text):
        if token in ("{{", "}}"):
            yield token[0]
        elif token in ("{", "}"):
            raise SamRequestError(f"{what} has a single {token!r}; write {token * 2!r} for a brace that is text")
        elif token.startswith("{"):
            if not token[1:-1].strip():
                raise SamRequestError(f"{what} has an empty placeholder {token!r}; name a column, or write '{{{{}}}}'")
            yield Column(token[1:-1])
        elif token:
            yield token


def compile_params(fixed: Mapping[str, Any], templated: Mapping[str, Any]) -> list[Literal | Column]:
    """Return the JSON of a request's parameters in pieces, with sorted keys; columns stand inside of strings.

    :param fixed: parameters that are the same for all rows.
    :param templated: parameters whose strings hold placeholders, such as `messages`.
    :raises SamRequestError: something has no form in JSON, or a placeholder is none.
    """
    pieces: list[bytes | Column] = [b"{"]
    for position, name in enumerate(sorted({*fixed, *templated})):
        pieces.append(b"%s%s:" % (b"," * bool(position), encode(name, what=name)))
        if name in templated:
            pieces += _pieces(templated[name], what=name)
        else:
            pieces.append(encode(fixed[name], what=name))
    return _joined([*pieces, b"}"])


def _pieces(value: Any, *, what: str) -> Iterator[bytes | Column]:
    if isinstance(value, str):
        yield b'"'
        for part in parse(value, what=what):
            yield part if isinstance(part, Column) else escaped(part, what=what)
        yield b'"'
    elif isinstance(value, Mapping):
        yield b"{"
        for position, key in enumerate(sorted(value)):
            yield b"%s%s:" % (b"," * bool(position), encode(key, what=what))
            yield from _pieces(value[key], what=f"{what}.{key}")
        yield b"}"
    elif isinstance(value, (list, tuple)):
        yield b"["
        for position, item in enumerate(value):
            yield b"," * bool(position)
            yield from _pieces(item, what=f"{what}[{position}]")
        yield b"]"
    else:
        yield encode(value, what=what)


def _joined(pieces: Sequence[bytes | Column]) -> list[Literal | Column]:
    joined: list[Literal | Column] = []
    for piece in pieces:
        if isinstance(piece, Column):
            joined.append(piece)
        elif joined and isinstance(joined[-1], Literal):
            joined[-1] = Literal(joined[-1].data + piece)
        else:
            joined.append(Literal(piece))
    return joined


def encode(value: Any, *, what: str) -> bytes:
    """Return a value as JSON with sorted keys, so that the same request is the same bytes.

    :raises SamRequestError: it has no form in JSON.
    """
    try:
        return msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        # The text of these errors names a type or a position, never a value.
        raise SamRequestError(f"{what} cannot be written as JSON: {error}") from None


def escaped(text: str, *, what: str) -> bytes:
    """Return a text as it stands inside a JSON string.

    :raises SamRequestError: it holds half of a surrogate pair.
    """
    try:
        return msgspec.json.encode(text)[1:-1]
    except UnicodeEncodeError:
        raise SamRequestError(f"{what} holds half of a surrogate pair, which is no text; remove it") from None

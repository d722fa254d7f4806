"""What makes a request of a row: the columns that name it, and a prompt, messages or a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.limits import MESSAGE_PARAMS, check_params
from airflow_provider_sam.rows.batch import where
from airflow_provider_sam.rows.requests.identity import Identities, custom_id_of
from airflow_provider_sam.rows.requests.template import Column, Literal, compile_params, encode, escaped, parse
from airflow_provider_sam.rows.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.requests.output_type import OutputType

    Prompt = str | Callable[[dict[str, Any]], str | Mapping[str, Any]]


class RowRequest(NamedTuple):
    """The request of one row.

    :param custom_id: names the row and the request.
    :param params: the parameters as they are sent: JSON with sorted keys.
    """

    custom_id: str
    params: bytes


class Recipe:
    """Makes requests of rows. The same recipe and row give the same bytes.

    :param id_columns: the columns whose values name a row.
    :param prompt: the user's message, with columns as placeholders; or a function that takes a row as a dictionary and
        returns its prompt, or the request's parameters.
    :param messages: the conversation, with columns as placeholders, instead of `prompt`.
    :param params: parameters of all requests, such as `model`, `max_tokens` or `system`. They are data.
    :param output_type: what an answer is, which the request then asks for.
    :param dedupe: ask what several rows ask once.
    :raises SamRequestError: the arguments contradict each other, or lack what every request needs.
    """

    def __init__(
        self,
        *,
        id_columns: Sequence[str],
        prompt: Prompt | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any],
        output_type: OutputType | None = None,
        dedupe: bool = False,
    ) -> None:
        if (prompt is None) == (messages is None):
            raise SamRequestError("rows need a prompt, or messages, and not both")
        self.id_columns = tuple(id_columns)
        self.dedupe = dedupe
        self._params = dict(params)
        self._output_type = output_type
        self._function = None if isinstance(prompt, str) or prompt is None else prompt
        self._pieces: list[Literal | Column] = []
        self.columns: Collection[str] | None = None
        """The columns that are read of a row; None for all."""

        if self._function is not None:
            if not callable(prompt):
                raise SamRequestError(f"prompt must be a text or a function of a row, got a {type(prompt).__name__}")
            return
        if isinstance(prompt, str):
            _ = [*parse(prompt, what="prompt")]  # so that an error calls it by its name
        templated = [{"role": "user", "content": prompt}] if messages is None else messages
        directed = self._directed({**self._params, "messages": templated})
        check_params(directed, MESSAGE_PARAMS, where="rows: params")
        if "messages" in self._params:
            raise SamRequestError("defaults hold 'messages'; with rows, give them as messages=")
        del directed["messages"]
        self._pieces = compile_params(directed, {"messages": templated})
        named = [piece.name for piece in self._pieces if isinstance(piece, Column)]
        if not named:
            raise SamRequestError(
                "the prompt names no column, so every row would ask the same; write a column's name in braces, such as "
                "'{review}'"
            )
        self.columns = list(dict.fromkeys([*self.id_columns, *named]))

    def requests(self, batch: RowBatch, id_hashes: Iterable[str]) -> Iterator[RowRequest]:
        """Return the requests of some rows, in their order.

        :param id_hashes: of these rows, as `Identities.hashes` gives them.
        :raises SamRequestError: a row has no request, or none that can be written; the message names row and column.
        """
        bodies = self._from_template(batch) if self._function is None else self._from_function(batch, self._function)
        for id_hash, params in zip(id_hashes, bodies, strict=True):
            yield RowRequest(custom_id_of(id_hash, params), params)

    def _from_template(self, batch: RowBatch) -> Iterator[bytes]:
        parts = [
            repeat(piece.data, len(batch)) if isinstance(piece, Literal) else _texts(batch, piece.name)
            for piece in self._pieces
        ]
        return map(b"".join, zip(*parts, strict=True))

    def _from_function(self, batch: RowBatch, function: Callable[[dict[str, Any]], Any]) -> Iterator[bytes]:
        names = list(batch.column_names)
        for index, values in enumerate(zip(*map(batch.column, names), strict=True)):
            place = f"{where(batch, index)}: what prompt returns"
            yield self._written(function(dict(zip(names, values, strict=True))), place)

    def _written(self, given: object, place: str) -> bytes:
        if isinstance(given, str):
            given = {"messages": [{"role": "user", "content": given}]}
        if not isinstance(given, Mapping):
            raise SamRequestError(f"{place} must be a prompt or a mapping of params, got a {type(given).__name__}")
        params = self._directed({**self._params, **given})
        check_params(params, MESSAGE_PARAMS, where=place)
        return encode(params, what=place)

    def _directed(self, params: dict[str, Any]) -> dict[str, Any]:
        return params if self._output_type is None else self._output_type.direct(params)


def iter_requests(batches: Iterable[RowBatch], recipe: Recipe) -> Iterator[tuple[RowBatch, Iterator[RowRequest]]]:
    """Return rows with their requests, in the order of the rows; each batch's requests are read before the next batch.

    :raises SamRequestError: as `Identities.hashes` and `Recipe.requests`.
    """
    with Identities(recipe.id_columns) as identities:
        for batch in batches:
            yield batch, recipe.requests(batch, identities.hashes(batch))


def _texts(batch: RowBatch, name: str) -> Iterator[bytes]:
    for index, value in enumerate(batch.column(name)):
        try:
            yield escaped(value if isinstance(value, str) else as_text(value), what=name)
        except TypeError as problem:
            raise SamRequestError(
                f"{where(batch, index)}: column {name!r} cannot be part of a prompt: {problem}; convert it where the "
                "rows come from"
            ) from None
        except SamRequestError as problem:
            raise SamRequestError(f"{where(batch, index)}: column {problem.message}") from None

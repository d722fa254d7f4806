"""Rows and what makes a request of each, as a Dag holds them: once, for submitting and for landing."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_sam._compat import ObjectStoragePath, ResolveMixin
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.rows.sql import SqlRows
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_sam._compat import Context, XComArg
    from airflow_provider_sam.rows.batch import RowBatch
    from airflow_provider_sam.rows.requests.output_type import OutputType
    from airflow_provider_sam.rows.requests.recipe import Prompt, Recipe

Defaults: TypeAlias = "Mapping[str, Any] | XComArg | Callable[[Context], Mapping[str, Any]]"
"""What `defaults` may be."""

Rows: TypeAlias = "str | ObjectStoragePath | SqlRows | XComArg | Iterable[Mapping[str, Any]] | Callable[[Context], Any]"
"""What `rows` may be, besides an object with Arrow's stream interface."""


class RowRequests(ResolveMixin):
    """A table, and the recipe that makes a request of each of its rows.

    The submitting operators make one of their arguments; it is their attribute `rows`, which the landing takes too.
    Make one yourself to share it between tasks that cannot refer to each other, such as mapped ones.

    :param rows: the table. A path (templated) to Parquet, CSV or JSONL: a file, a directory, or a pattern with ``*``;
        a `SqlRows` (templated); an upstream task's output; an object with Arrow's stream interface, such as a
        DataFrame; a list of mappings; or a callable that takes the task's context and returns one of these.
    :param id_column: the column, or the columns, whose value names a row. No two rows have the same.
    :param prompt: the user's message, with columns as placeholders: ``"Positive or negative? {review}"``. ``{{`` is a
        brace. Or a function that takes a row as a dictionary and returns its prompt, or its parameters.
    :param messages: the conversation as the API takes it, with columns as placeholders, instead of `prompt`.
    :param defaults: parameters of all requests, such as `model`, `max_tokens` or `system`; data.
    :param output_type: what an answer is: a pydantic model, dataclass, TypedDict, Literal or another type that pydantic
        knows, or a JSON schema. The request asks for it, and each answer is held against it. Default: text.
    :param dedupe: ask what several rows ask once, and give each of them the answer. Default: no.
    :param reuse: the path of earlier publications, or a list (templated): rows whose id and request were answered there
        are not sent again. What is not there yet counts as empty, so it may be the target itself.
    :param storage_conn_id: the connection of the object storage (templated). Default: the one in the path, if any.
    """

    def __init__(
        self,
        rows: Rows | Any,
        *,
        id_column: str | Sequence[str],
        prompt: Prompt | None = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        defaults: Defaults | None = None,
        output_type: Any = None,
        dedupe: bool = False,
        reuse: str | ObjectStoragePath | Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        storage_conn_id: str | None = None,
    ) -> None:
        is_templated = isinstance(rows, (str, ObjectStoragePath, SqlRows))
        self.rows: Any = rows if is_templated else Verbatim(rows)
        self.id_column = id_column
        self.prompt = prompt
        self.messages = messages
        self.defaults = Verbatim(defaults)
        self.output_type = output_type
        self.dedupe = dedupe
        self.reuse: Any = reuse
        self.storage_conn_id = storage_conn_id

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Name the upstream outputs inside, from which Airflow draws the dependencies."""
        yield from Verbatim([self.rows, self.defaults, self.reuse]).iter_references()

    def resolve(self, context: Context, **_: Any) -> RowRequests:
        """Render what is templated, and replace the upstream outputs by what they hold."""
        render = context["task"].render_template
        resolved = copy(self)
        if isinstance(self.rows, SqlRows):
            fields = ("sql", "conn_id", "parameters")
            resolved.rows = replace(self.rows, **{name: render(getattr(self.rows, name), context) for name in fields})
        else:
            resolved.rows = render(self.rows, context)
        for name in ("defaults", "reuse", "storage_conn_id"):
            setattr(resolved, name, render(getattr(self, name), context))
        return resolved

    def reading(self, rows: Callable[[Context], Any]) -> RowRequests:
        """Return the same recipe for rows that come from elsewhere."""
        other = copy(self)
        other.rows = Verbatim(rows)
        return other

    def bind(self, context: Context, *, model: str | None = None) -> BoundRows:
        """Return the rows and the recipe of a task that runs.

        :param model: the connection's, for a recipe that names none.
        :raises SamRequestError: the arguments contradict each other.
        """
        from airflow_provider_sam.rows.requests.output_type import OutputType
        from airflow_provider_sam.rows.requests.recipe import Recipe
        from airflow_provider_sam.rows.tables.join import check_names

        defaults = self.defaults.read(context) or {}
        output_type = None if self.output_type is None else OutputType.of(self.output_type)
        check_names((), list(output_type.columns) if output_type else ())  # before it is paid for, not when it lands
        recipe = Recipe(
            id_columns=[self.id_column] if isinstance(self.id_column, str) else self.id_column,
            prompt=self.prompt,
            messages=self.messages,
            params={**({"model": model} if model else {}), **defaults},
            output_type=output_type,
            dedupe=self.dedupe,
        )
        return BoundRows(self, context, recipe, output_type)

    def __str__(self) -> str:
        """Say where the rows come from, without a row, the same in every process."""
        return f"rows: {self.rows}; id: {self.id_column}"

    __repr__ = __str__


@dataclass(frozen=True)
class BoundRows:
    """The rows of a task that runs, with their recipe.

    :param output_type: of the answers; None for text.
    """

    arguments: RowRequests
    context: Context
    recipe: Recipe
    output_type: OutputType | None

    @property
    def id_columns(self) -> tuple[str, ...]:
        """The columns whose values name a row."""
        return self.recipe.id_columns

    @property
    def storage_conn_id(self) -> str | None:
        """The connection of the object storage, where a path names none."""
        return self.arguments.storage_conn_id

    @property
    def reuse(self) -> list[Any]:
        """The earlier publications: paths and manifests."""
        given = self.arguments.reuse
        return list(given) if isinstance(given, (list, tuple)) else [given] if given else []

    def batches(self, columns: Collection[str] | None) -> Iterator[RowBatch]:
        """Read the rows from the first one on.

        :param columns: those that are needed; None for all.
        :raises SamRequestError: they cannot be read, or a column is not there.
        """
        from airflow_provider_sam.rows.sources.source import open_rows

        rows = self.arguments.rows
        source = rows.read(self.context) if isinstance(rows, Verbatim) else rows
        return open_rows(source, columns=columns, storage_conn_id=self.storage_conn_id)


def submitted_rows(given: RowRequests | XComArg | None) -> RowRequests | None:
    """Return the rows that a landing is for: those given, or those of the task whose output is given.

    :raises SamRequestError: that task has submitted no rows, or cannot tell here which.
    """
    if given is None or isinstance(given, RowRequests):
        return given
    found = getattr(getattr(given, "operator", None), "rows", None)
    if isinstance(found, RowRequests):
        return found
    raise SamRequestError(
        "rows must be the attribute rows of the task that submits them, or the output of @task.sam_batch with an "
        "id_column; mapped tasks share a RowRequests instead"
    )


def check_one_input(name: str, given: object, rows: RowRequests | None) -> None:
    """Check that a submitting operator has one input.

    :param name: its argument for requests.
    :raises SamRequestError: it has two, or none.
    """
    if (given is None) == (rows is None):
        raise SamRequestError(f"give either {name}= or rows=, and not both")


def row_requests_of(
    rows: Any, *, id_column: Any, defaults: Any, storage_conn_id: str | None, **recipe: Any
) -> RowRequests | None:
    """Return what an operator's arguments for rows say; None where it has no rows.

    :raises SamRequestError: arguments of a recipe without rows, rows without an id, or a recipe given twice.
    """
    given = {"id_column": id_column, **recipe}
    named = [name for name, value in given.items() if value is not None and value is not False]
    if rows is None or isinstance(rows, RowRequests):
        if named:
            needs = "belong to rows=, which is missing" if rows is None else "are part of the RowRequests already"
            raise SamRequestError(f"{', '.join(named)} {needs}")
        return rows
    if id_column is None:
        raise SamRequestError("rows need an id_column, the column whose value names a row")
    return RowRequests(rows, id_column=id_column, defaults=defaults, storage_conn_id=storage_conn_id, **recipe)

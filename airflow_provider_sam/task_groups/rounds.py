"""How one round of a batch follows another: values that are known when a task runs, since any round may be skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import AirflowSkipException, Context, ResolveMixin, XComArg
from airflow_provider_sam.api.errors import SamRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = "_rounds"
"""The folder, beside the results, of what lands between rounds. Programs that read a directory as a table skip it."""


class RoundPath(ResolveMixin):
    """Where a round lands: ``reviews/_rounds/round-1/judged.parquet`` for ``reviews/judged.parquet``.

    :param path: where the results of all rounds go, as the landing takes it.
    :param number: of the round, from 1.
    """

    def __init__(self, path: Any, number: int) -> None:
        self._path = path
        self._number = number

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Name the upstream outputs inside, from which Airflow draws the dependencies."""
        if isinstance(self._path, ResolveMixin):
            yield from self._path.iter_references()

    def resolve(self, context: Context, **_: Any) -> str:
        """Return the path, from the rendered one of the results."""
        return round_path(str(context["task"].render_template(self._path, context)), self._number)

    def __str__(self) -> str:
        """Say what it is, the same in every process."""
        return f"round {self._number} of {self._path}"

    __repr__ = __str__


class EndedIds(ResolveMixin):
    """The batches that were waited for; None where the round or its wait was skipped.

    :param batch_ids: what the submitting task returns.
    :param ended: what the waiting task returns.
    """

    def __init__(self, batch_ids: XComArg, ended: XComArg) -> None:
        self._batch_ids = batch_ids
        self._ended = ended

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Name both outputs."""
        yield from self._batch_ids.iter_references()
        yield from self._ended.iter_references()

    def resolve(self, context: Context, **_: Any) -> Any:
        """Return the ids, if the wait has ended."""
        return None if self._ended.resolve(context) is None else self._batch_ids.resolve(context)

    def __str__(self) -> str:
        """Say what it is, the same in every process."""
        return "given by upstream tasks"

    __repr__ = __str__


class Latest(ResolveMixin):
    """What the last of several tasks has returned, leaving out those that were skipped.

    :param outputs: of the tasks, in order.
    """

    def __init__(self, outputs: Sequence[XComArg]) -> None:
        self._outputs = outputs

    def iter_references(self) -> Iterator[tuple[Any, str]]:
        """Name all outputs."""
        for output in self._outputs:
            yield from output.iter_references()

    def resolve(self, context: Context, **_: Any) -> Any:
        """Return it.

        :raises AirflowSkipException: all were skipped.
        """
        for output in reversed(self._outputs):
            if (found := output.resolve(context)) is not None:
                return found
        raise AirflowSkipException("No round has landed anything.")

    def __str__(self) -> str:
        """Say what it is, the same in every process."""
        return "given by an upstream task"

    __repr__ = __str__


def round_path(path: str, number: int) -> str:
    """Return where a round lands whose results go to `path` in the end.

    :raises SamRequestError: the path is a directory.
    """
    check_one_file(path)
    place, slash, name = path.rpartition("/")
    return f"{place}{slash}{FOLDER}/round-{number}/{name}"


def check_one_file(path: object) -> None:
    """Check that a path, as far as it is known, may be that of one file.

    :raises SamRequestError: it is a directory.
    """
    if str(path).endswith("/"):
        raise SamRequestError(
            f"path {str(path)!r} is a directory; rows and several rounds make one file, so name a file"
        )

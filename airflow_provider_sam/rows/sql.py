"""A query whose rows are a table: what a Dag says of it. It is run when the task reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class SqlRows:
    """The rows of a query, read when the task runs.

    Give the query an ``ORDER BY`` if the order of the rows matters to you: a database has none of its own.

    :param sql: the query (templated).
    :param conn_id: the Airflow connection to the database (templated); its hook must be one of SQL, a `DbApiHook`.
    :param parameters: the values of the query's placeholders, as the database's client takes them (templated).
    """

    sql: str
    conn_id: str
    parameters: Mapping[str, Any] | Sequence[Any] | None = field(default=None, repr=False)

"""Links a task to its batch's page in a console, if the connection names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_sam._compat import TASKS_STORE_LINKS, BaseOperatorLink, XCom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam._compat import Context

XCOM_KEY = "sam_batch_page"
"""Under which the task leaves the page's URL: a link is asked for where neither the API nor the connection is."""

_PAGE = "_sam_batch_page"
_LEFT_BEFORE = object()


class SamBatchLink(BaseOperatorLink):
    """A button on the task's page. Without `console_url` in the connection there is no link, and Airflow hides it."""

    name = "Sam batch"

    @property
    def xcom_key(self) -> str:
        """Where Airflow 3 keeps the URL: where the task has left it, so that the link works while the task runs."""
        return XCOM_KEY

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL that the task has left, or an empty string.

        Airflow 2 asks in its web server. Airflow 3 asks in the task when that ends, and logs an error for an XCom that
        is not there: so the task remembers what it has left.
        """
        page = getattr(operator, _PAGE, "") if TASKS_STORE_LINKS else _LEFT_BEFORE
        return str((XCom.get_value(ti_key=ti_key, key=XCOM_KEY) or "") if page is _LEFT_BEFORE else page)


def page_of(console_url: str, batch_id: str) -> str:
    """Return the URL of a batch's page: `console_url` with the ID in place of ``{batch_id}``."""
    return console_url.replace("{batch_id}", quote(batch_id, safe=""))


def leave_link(context: Context, console_url: str | None, batch_ids: Sequence[str]) -> None:
    """Leave the URL for the link: of the first batch, where there are several; without one, nothing.

    :param console_url: the connection's; None leaves nothing.
    """
    if console_url and batch_ids:
        page = page_of(console_url, batch_ids[0])
        context["ti"].xcom_push(key=XCOM_KEY, value=page)
        _remember(context, page)


def keep_link(context: Context) -> None:
    """Keep the link that this try left before it was deferred."""
    _remember(context, _LEFT_BEFORE)


def _remember(context: Context, page: object) -> None:
    task = context.get("task")
    if task is not None:
        setattr(task, _PAGE, page)

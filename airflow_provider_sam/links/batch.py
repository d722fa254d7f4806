"""Leads from a task to its batch's page in a console, where the connection says that there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_sam._compat import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sam._compat import Context

XCOM_KEY = "sam_batch_page"
"""Under which the task leaves the page's URL: a link is asked for where neither the API nor the connection is."""


class SamBatchLink(BaseOperatorLink):
    """A button on the task's page. Without `console_url` in the connection it leads nowhere, and Airflow hides it."""

    name = "Sam batch"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Give the URL that the task has left behind, or an empty string."""
        return str(XCom.get_value(ti_key=ti_key, key=XCOM_KEY) or "")


def page_of(console_url: str, batch_id: str) -> str:
    """Give the page of a batch: `console_url` with ``{batch_id}`` in it replaced."""
    return console_url.replace("{batch_id}", quote(batch_id, safe=""))


def leave_link(context: Context, console_url: str | None, batch_ids: Sequence[str]) -> None:
    """Leave the URL for the link: of the first batch, where there are several; without one, nothing.

    :param console_url: the connection's; None leaves nothing.
    """
    if console_url and batch_ids:
        context["ti"].xcom_push(key=XCOM_KEY, value=page_of(console_url, batch_ids[0]))

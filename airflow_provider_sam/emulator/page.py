"""A page about one batch for a person's browser: where the link on a task's page may lead."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_sam.emulator.clock import rfc3339

if TYPE_CHECKING:
    from airflow_provider_sam.emulator.state import Batch

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{id}</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem }}
th {{ text-align: left; padding-right: 2rem; font-weight: normal; color: #666 }}</style></head>
<body><h1>Message Batch</h1><p>At the Sam API emulator; reload the page to look again.</p>
<table>{rows}</table></body></html>
"""


def page_of(batch: Batch) -> str:
    """Return the page as HTML."""
    shown = {
        "ID": batch.id,
        "Status": batch.status,
        "Requests": batch.total,
        **{name.capitalize(): number for name, number in batch.request_counts.items()},
        "Created": rfc3339(batch.created_at),
        "Expires": rfc3339(batch.expires_at),
        "Cancel initiated": rfc3339(batch.cancel_initiated_at),
        "Ended": rfc3339(batch.ended_at),
        "Archived": rfc3339(batch.archived_at),
    }
    rows = "".join(
        f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in shown.items() if value is not None
    )
    return _PAGE.format(id=escape(batch.id), rows=rows)

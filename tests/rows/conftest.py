"""What tests of rows share."""

from __future__ import annotations

import pytest

from airflow_provider_sam.rows.sources.source import open_rows
from tests.rows.reading import Read


@pytest.fixture
def read():
    """Reads a source to its end: its rows as mappings, where each stands, and the columns."""

    def read(source, columns=None, **more):
        return Read(list(open_rows(source, columns=columns, **more)))

    return read

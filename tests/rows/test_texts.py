"""A value reads in a prompt as JSON would write it, without quotes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from airflow_provider_sam.rows.texts import as_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{{ x }} {y}", "{{ x }} {y}"),
        ("", ""),
        (None, ""),
        (float("nan"), ""),
        (True, "true"),
        (7, "7"),
        (0.5, "0.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (time(3, 4), "03:04:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (["ä", None, 1], '["ä",null,1]'),
        ({"a": {"b": date(2026, 1, 2)}}, '{"a":{"b":"2026-01-02"}}'),
    ],
)
def test_a_value_has_one_form(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}])
def test_what_has_none_is_refused(value):
    with pytest.raises(TypeError, match="has no form as text"):
        as_text(value)

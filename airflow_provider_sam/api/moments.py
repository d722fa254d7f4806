"""A moment in an answer: always aware, in UTC, and a `pendulum.DateTime`, as moments are everywhere in Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import pendulum
from pydantic import AfterValidator, AwareDatetime


def as_pendulum(moment: datetime) -> pendulum.DateTime:
    """Give the same instant as pendulum's kind, in UTC.

    Built field by field: `pendulum.instance` looks time zones up, which a page of a thousand batches would feel.
    """
    utc = moment.astimezone(UTC)
    return pendulum.DateTime(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=pendulum.UTC
    )


if TYPE_CHECKING:
    Moment = pendulum.DateTime
else:
    Moment = Annotated[AwareDatetime, AfterValidator(as_pendulum)]

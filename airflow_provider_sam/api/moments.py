"""A moment in an answer: always aware, in UTC, and a `pendulum.DateTime`, as moments are everywhere in Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import pendulum
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


def as_pendulum(moment: datetime) -> pendulum.DateTime:
    """Return the same instant as pendulum's kind, in UTC.

    Built field by field: `pendulum.instance` looks time zones up, which a page of a thousand batches would feel.
    """
    utc = moment.astimezone(UTC)
    return pendulum.DateTime(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=pendulum.UTC
    )


def as_statuses_read_it(moment: object) -> object:
    """Return a moment as `statuses` reads it: pydantic would cut nanoseconds where msgspec rounds them."""
    try:
        return msgspec.convert(moment, _Aware) if isinstance(moment, str) else moment
    except msgspec.ValidationError:
        return moment


if TYPE_CHECKING:
    Moment = pendulum.DateTime
else:
    Moment = Annotated[AwareDatetime, BeforeValidator(as_statuses_read_it), AfterValidator(as_pendulum)]

"""What Airflow makes of a trigger between a worker and a triggerer: a row in its database, encoded and encrypted."""

from __future__ import annotations

import pkgutil

from airflow.models.trigger import Trigger


def rebuilt(trigger):
    """Send a trigger through the database's encoding and make it anew, as another process would."""
    classpath, kwargs = trigger.serialize()
    row = Trigger(classpath=classpath, kwargs=kwargs)
    return pkgutil.resolve_name(row.classpath)(**row.kwargs)

"""Airflow's variables as a store that says the truth: what was written lasts, and "not there" is never a failure."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_provider_sam._compat import AirflowException
from airflow_provider_sam._compat import variables as airflow_variables
from airflow_provider_sam.batches.store.airflow import attempt
from airflow_provider_sam.exceptions import SamStateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
"""Several threads land files, and the Airflow inside of `dags test` hears one at a time: while it answers, it has no
channel for another."""

MAX_VALUE_BYTES = 4_000_000
"""The longest value: about 15,000 batches of one task. A database column takes more, if not all of them much more."""


class Variables(Protocol):
    """What is used of Airflow's variables."""

    def read(self, key: str) -> str | None:
        """Return the value, or None where there is no such variable.

        :raises SamStateUnavailableError: it cannot be read.
        """

    def write(self, key: str, value: str, description: str) -> None:
        """Create or overwrite a variable; when this returns, it lasts.

        :raises SamStateUnavailableError: it cannot be written, or is too long.
        """

    def delete(self, key: str) -> None:
        """Delete a variable if it is there.

        :raises SamStateUnavailableError: it cannot be deleted.
        """


class AirflowVariables:
    """Reads and writes the variables of the Airflow that runs this task.

    :param sleep: waits a number of seconds.
    """

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def read(self, key: str) -> str | None:
        """Return the value, or None where there is no such variable."""
        return self._attempt("read", key, lambda: airflow_variables.read_variable(key))

    def write(self, key: str, value: str, description: str) -> None:
        """Create or overwrite a variable, and read it back: not every Airflow reports that it could not."""
        if (size := len(value.encode())) > MAX_VALUE_BYTES:
            raise SamStateUnavailableError(
                f"variable {key!r} would hold {size:,} bytes, more than {MAX_VALUE_BYTES:,}: set state_path"
            )
        self._attempt("written", key, lambda: self._write(key, value, description))

    def _write(self, key: str, value: str, description: str) -> None:
        airflow_variables.write_variable(key, value, description)
        if airflow_variables.read_variable(key) != value:
            raise AirflowException(
                "the value read back is not the one written: does a secrets backend hold a variable of that name?"
            )

    def delete(self, key: str) -> None:
        """Delete a variable if it is there."""
        self._attempt("deleted", key, lambda: airflow_variables.delete_variable(key))

    def _attempt(self, what: str, key: str, action: Callable[[], T]) -> T:
        def alone() -> T:
            with _ONE_AT_A_TIME:
                return action()

        return attempt(f"variable {key!r} could not be {what}", alone, sleep=self._sleep)

"""Errors that a task raises, each with the meaning that Airflow gives it: fail for good, or fail and try again."""

from __future__ import annotations

from airflow_provider_sam._compat import AirflowException, AirflowFailException
from airflow_provider_sam.api.errors import SamError


class SamConnectionConfigError(SamError, AirflowFailException, ValueError):
    """The Airflow connection cannot be used as it is: the message names the field and what to write.

    Fails the task without retries, which could not change the connection.
    """


class SamBatchFailedError(SamError, AirflowFailException):
    """A batch ended in a way that the task was told to fail for. Its retries would find the same end."""


class SamWaitError(SamError, AirflowException):
    """A wait ended without knowing how the batches stand. A retry of the task looks again."""


class SamResultsError(SamError, AirflowException):
    """The results that arrived are not the whole truth about the batch. Nothing was published; a retry fetches anew."""


class SamTooManyTokensError(SamError, AirflowFailException):
    """A message has more input tokens than the task allows. Nothing was created; a retry would count the same."""

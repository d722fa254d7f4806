"""Errors that a task raises, each with the meaning that Airflow gives it: fail for good, or fail and try again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam._compat import AirflowException, AirflowFailException
from airflow_provider_sam.api.errors import SamError, SamRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


class SamConnectionConfigError(SamError, AirflowFailException, ValueError):
    """The Airflow connection cannot be used as it is: the message names the field and what to write.

    Fails the task without retries, which could not change the connection.
    """

    retryable = False


class SamConnectionLookupError(SamError, AirflowException):
    """The Airflow connection could not be read, perhaps because its secrets backend is away. It may be read later."""


class SamBatchFailedError(SamError, AirflowFailException):
    """A batch ended in a way that the task was told to fail for. Its retries would find the same end."""

    retryable = False


class SamWaitError(SamError, AirflowException):
    """A wait ended without knowing how the batches stand. A retry of the task looks again."""


class SamResultsError(SamError, AirflowException):
    """The results that arrived are not the whole truth about the batch. Nothing was published; a retry fetches anew."""


class SamTooManyTokensError(SamError, AirflowFailException):
    """A message has more input tokens than the task allows. Nothing was created; a retry would count the same."""

    retryable = False


class SamInvalidOutputError(SamError, AirflowException):
    """The model's answer is not of the type that the task asks for. It was paid for all the same.

    :param reason: what is wrong with it.
    :param answer: the answer as it came; None where there is none.
    :param stop_reason: why the model stopped, as the API says.
    """

    advice = "A retry asks anew; if that fails too, say in the prompt what is missing, or make output_type less strict."

    def __init__(
        self, message: str, *, reason: str, answer: str | None = None, stop_reason: str | None = None, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.answer = answer
        self.stop_reason = stop_reason
        self.retry_hint = hint or None


class SamStateError(SamError, AirflowException):
    """What is remembered of a submission cannot be read. Nothing was submitted."""

    advice = "Repair the record, or delete it and name the batches that exist in adopt_batch_id."
    retryable = False


class SamStateUnavailableError(SamStateError):
    """What is remembered of a submission could not be read or written: its store did not answer, or refused."""

    advice = "The next try goes on from what was remembered before."
    retryable = True


class SamSubmissionError(SamError, AirflowException):
    """It cannot be said which batch is this task's. Nothing more was submitted; a retry looks again."""


class SamSubmissionUnprovenError(SamSubmissionError):
    """A batch may be this task's, and proves it only once it has ended. It was neither taken nor paid for again.

    :param batch_ids: the batches that may be ours, the oldest first.
    :param until: when the first of them has ended at the latest, in seconds since the epoch.
    """

    advice = "What was submitted is remembered; a retry looks again."

    def __init__(self, message: str, *, batch_ids: Sequence[str], until: float) -> None:
        super().__init__(message)
        self.batch_ids = tuple(batch_ids)
        self.until = until


class SamSubmissionStoppedError(SamRequestError, AirflowException):
    """The task was told to end while it was submitting."""

    advice = "Every batch that may exist is remembered; a retry continues from there."
    retryable = True


class SamSubmissionOvertakenError(SamSubmissionStoppedError):
    """Another try of the same task has begun while this one, which Airflow took for lost, was still submitting."""

    advice = "The other try goes on from what is remembered; this one has nothing left to do."


class SamBudgetError(SamError, AirflowFailException):
    """The input is larger than the task was allowed to submit. Nothing was sent, and a retry would find the same."""

    retryable = False

"""From requests to batches, the one way for all: read and check everything, hold it to its budget, then submit once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.submit.budget import Sample, check_number, check_tokens, estimate_tokens
from airflow_provider_sam.batches.submit.spool import Spool
from airflow_provider_sam.batches.submit.submitter import Submitter
from airflow_provider_sam.batches.submit.written import AROUND
from airflow_provider_sam.exceptions import SamSubmissionUnprovenError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.batches.store.store import SubmissionStore
    from airflow_provider_sam.batches.submit.requests import Part
    from airflow_provider_sam.batches.submit.submission import SubmitOptions
    from airflow_provider_sam.batches.submit.written import Written


EXAMPLES = 3
"""How many custom_ids an error names."""


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """How an input is submitted.

    :param defaults: parameters for the requests that lack them.
    :param overrides: parameters that requests get in place of their own.
    :param model: the connection's, for requests that get none from `defaults` either.
    :param only: the custom_ids of the requests that are submitted, all of which the input must hold; None for all.
    :param max_requests: the most requests, or None for no limit of ours.
    :param max_input_tokens: the most input tokens, as estimated, or None.
    :param token_samples: from how many requests they are estimated.
    :param on_empty: what an input without requests means.
    :param may_be_empty: tells, when all was read, whether it is fine that there are none, whatever `on_empty` says.
    :param one_batch: whether all requests must fit into one batch.
    """

    defaults: Mapping[str, Any] | None = None
    overrides: Mapping[str, Any] | None = None
    model: str | None = None
    only: Collection[str] | None = None
    max_requests: int | None = None
    max_input_tokens: int | None = None
    token_samples: int = 20
    on_empty: Literal["fail", "skip"] = "fail"
    may_be_empty: Callable[[], bool] = lambda: False
    one_batch: bool = False


@dataclass(frozen=True, kw_only=True)
class SubmissionEstimate:
    """What a submission would send.

    :param bytes: of the bodies of all batches.
    :param input_tokens: about, as the API counts those of a sample.
    """

    requests: int
    batches: int
    bytes: int
    input_tokens: int


class SubmitRun:
    """One run of a task that submits.

    :param memory: where the submission is remembered.
    :param look_every: seconds between two looks at a batch that may be ours, until it has ended; None to raise instead.
    """

    def __init__(
        self,
        client: SamClient,
        memory: SubmissionStore,
        options: SubmitOptions,
        input_options: InputOptions,
        *,
        log: Logger,
        look_every: float | None = None,
    ) -> None:
        self._client = client
        self._options = options
        self._input_options = input_options
        self._log = log
        self._look_every = look_every
        self._submitter = Submitter(client, memory, options, log=log)

    def stop(self) -> None:
        """End as soon as nothing is in the balance; safe to call from a signal's handler."""
        self._submitter.stop()

    def submit(self, parts: Iterable[Part]) -> list[str]:
        """Return the ids of the batches that hold all requests, in order; none for an empty input that may be skipped.

        :param parts: requests one by one, or blocks of lines.
        :raises SamRequestError: requests are not what the API takes, or there are none; nothing was sent.
        :raises SamBudgetError: they are more than the input options allow; nothing was sent.
        :raises SamError: as `Submitter.submit`.
        """
        with self._checked(parts, estimates=self._input_options.max_input_tokens is not None) as (written, _):
            return self._submit(written) if written.total else []

    def estimate(self, parts: Iterable[Part]) -> SubmissionEstimate:
        """Return what submitting would send. Everything is checked as for `submit`, and nothing is created.

        :param parts: as for `submit`.
        :raises SamRequestError: as `submit`.
        :raises SamBudgetError: as `submit`.
        """
        with self._checked(parts, estimates=True) as (written, input_tokens):
            plans = [plan for plan, _ in written.divide([], betas=self._options.betas)]
            return SubmissionEstimate(
                requests=written.total,
                batches=len(plans),
                bytes=written.starts[-1] + len(plans) * AROUND,
                input_tokens=input_tokens,
            )

    @contextmanager
    def _checked(self, parts: Iterable[Part], *, estimates: bool) -> Iterator[tuple[Written, int]]:
        """Read all requests, hold them to their budget, and give them with their estimated tokens, 0 if not asked."""
        input_options, betas = self._input_options, self._options.betas
        sample = Sample(input_options.token_samples)
        with Spool(
            self._client.settings.limits,
            defaults=input_options.defaults,
            overrides=input_options.overrides,
            model=input_options.model,
            only=input_options.only,
            observe=sample.add if estimates else None,
        ) as spool:
            written = spool.write(parts)
            total = written.total
            self._tell(written, spool.without_model)
            _check_found(written, input_options.only)
            _check_shape(written, input_options)
            check_number(total, input_options.max_requests)
            tokens = 0
            if estimates and total:
                tokens = estimate_tokens(self._client, sample, total, betas=betas, log=self._log)
                check_tokens(tokens, input_options.max_input_tokens, sample=sample, total=total)
            yield written, tokens

    def _tell(self, written: Written, without_model: int) -> None:
        if written.has_braces:
            self._log.info(
                "Requests that contain {{ are sent as they are: prompts are data, not templates. For values from "
                "Airflow, pass requests as a callable that takes the context"
            )
        if without_model:
            self._log.info(
                "%d requests have no model; using the connection's, %s", without_model, self._input_options.model
            )

    def _submit(self, written: Written) -> list[str]:
        while True:
            try:
                return self._submitter.submit(written, one_batch=self._input_options.one_batch)
            except SamSubmissionUnprovenError as question:
                if self._look_every is None:
                    raise
                self._log.info("Looking again in %g s: %s", self._look_every, question.message)
                self._submitter.pause(self._look_every)


def _check_shape(written: Written, input_options: InputOptions) -> None:
    if not written.total and input_options.on_empty == "fail" and not input_options.may_be_empty():
        raise SamRequestError("the input has no requests; set on_empty='skip' to skip the task instead")
    if input_options.one_batch and not written.fits_one:
        raise SamRequestError(
            f"{written.total} requests exceed the limit of one batch, and this operator creates one: write them as "
            "JSONL to object storage and use ObjectStorageToSamBatchOperator"
        )


def _check_found(written: Written, only: Collection[str] | None) -> None:
    if only is None or len(only) == written.total:
        return
    missing = sorted(name for name in only if written.names.find(name) is None)
    examples = ", ".join(repr(name) for name in missing[:EXAMPLES])
    raise SamRequestError(
        f"{len(missing)} of the {len(only)} requests to send again are not in the input, such as {examples}: it is not "
        "the input that was sent before"
    )


def ids_to_adopt(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Read one id, several, or none; a template that gives an empty string means none."""
    ids = [value] if isinstance(value, str) else list(value or ())
    return tuple(each.strip() for each in ids if each.strip())

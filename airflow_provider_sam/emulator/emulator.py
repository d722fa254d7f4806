"""An offline Sam API to start, ask, steer and stop from Python."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from airflow_provider_sam.emulator.answers import Answers, GivenAnswers
from airflow_provider_sam.emulator.app import App
from airflow_provider_sam.emulator.clock import Clock, steady_clock
from airflow_provider_sam.emulator.limits import Limits
from airflow_provider_sam.emulator.models import DEFAULT_MODELS, OfferedModel
from airflow_provider_sam.emulator.progress import AfterSeconds, Progress
from airflow_provider_sam.emulator.ratelimits import RateLimits
from airflow_provider_sam.emulator.server import ServerThread
from airflow_provider_sam.emulator.service import ResultsOptions, Service
from airflow_provider_sam.emulator.state import BatchView
from airflow_provider_sam.emulator.store import Store
from airflow_provider_sam.emulator.workspace import Rules, Workspace

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from types import TracebackType

    from airflow_provider_sam.emulator.faults import Faults
    from airflow_provider_sam.emulator.outcomes import Outcomes
    from airflow_provider_sam.emulator.requestlog import RequestRecord


class SamEmulator:
    """The Sam API on a port of this machine, in a thread of this process.

    In a ``with`` it runs inside the block, and all it held is gone afterwards. :meth:`start` and :meth:`stop` may also
    be called as often as wanted: after a stop, all connections are broken off, and the next start offers the same
    batches on the same port.

    :param host: the address to listen on
    :param port: 0 lets the system choose
    :param api_key: the key to ask for; None makes one up
    :param progress: when a batch ends: :class:`AfterSeconds`, :class:`AfterLooks` or :class:`OnDemand`; by default at
        the first look after its creation
    :param directory: keeps batches for the next process; None keeps them in a temporary directory
    :param answers: what requests are answered: a text for all, a mapping from ``custom_id`` or prompt, or a function of
        ``params``; the answer is a text, or fields of a Message. None composes a short line from the prompt
    :param outcomes: how single requests of a batch come out, by ``custom_id``; None lets each valid one succeed
    :param canceled_share: the part of a canceled batch, from 0 to 1, that had not run when the cancel came
    :param models: the models to list, newest first
    :param strict: refuse other models than those with 404, and parameters that the contract does not have with 400; in
        a batch, such requests are errored. Else any model answers, and parameters newer than the contract pass
    :param limits: what is refused as too much
    :param results_ranges: honour ``Range: bytes=N-`` on results, which the contract does not promise
    :param results_content_length: send ``content-length`` with results
    :param results_base_url: the server that ``results_url`` names; None for this one
    :param clock: returns the time, aware and in UTC; None for that of the machine
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        progress: Progress = AfterSeconds(0.0),  # noqa: B008 - it is frozen
        directory: str | Path | None = None,
        answers: GivenAnswers | None = None,
        outcomes: Outcomes | None = None,
        canceled_share: float = 1.0,
        models: tuple[OfferedModel, ...] = DEFAULT_MODELS,
        strict: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        results_ranges: bool = False,
        results_content_length: bool = False,
        results_base_url: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or steady_clock()
        self._store = Store(None if directory is None else Path(directory))
        self._service = Service(
            api_key=api_key or f"sk-sam-emulator-{secrets.token_hex(16)}",
            workspace=Workspace(self._store, Rules(progress, outcomes, canceled_share), clock),
            answers=Answers(answers),
            limits=limits,
            rates=RateLimits(clock, limits.requests_per_minute),
            results=ResultsOptions(results_ranges, results_content_length, results_base_url),
            models=models,
            strict=strict,
        )
        self._server = ServerThread(App(self._service), host, port)

    def __repr__(self) -> str:
        return f"<SamEmulator at {self.url if self._server.port else self._server.host}>"

    # --- running ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen; returns once connections are accepted.

        :raises OSError: the address is in use
        """
        self._server.start()
        return self

    def stop(self) -> None:
        """Break off all connections and stop listening; batches stay for the next start."""
        self._server.stop()

    def close(self) -> None:
        """Stop, and remove the batches unless they are kept in a ``directory``."""
        self.stop()
        self._store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- reaching it -----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it answers, such as ``http://127.0.0.1:8089``; known once it was started.

        :raises RuntimeError: it was never started, and is to choose its port by itself
        """
        if not self._server.port:
            raise RuntimeError("The emulator has no port before it is started.")
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        return f"http://{host}:{self._server.port}"

    @property
    def api_key(self) -> str:
        """The key it asks for."""
        return self._service.api_key

    @property
    def connection_json(self) -> str:
        """An Airflow connection to it, as for ``AIRFLOW_CONN_SAM_DEFAULT``; holds the key."""
        return json.dumps({"conn_type": "sam", "host": self.url, "password": self.api_key})

    # --- what it was asked -----------------------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The requests to the API since the start or the last reset, oldest first.

        When their records take more than 64 MB, the oldest are forgotten; :attr:`counts` and :meth:`count` keep them.
        """
        return self._service.log.all()

    @property
    def counts(self) -> Counter[str]:
        """The number of requests by operation, whatever they were answered."""
        return self._service.log.counts()

    def count(self, operation: str, *, status: int | None = None) -> int:
        """Return the number of requests of one operation.

        :param operation: the contract's ``operationId``, such as ``messages_batches_create``
        :param status: only those that were answered so
        """
        return self._service.log.count(operation, status)

    # --- what is at it ---------------------------------------------------------------------------------------------

    @property
    def batches(self) -> tuple[BatchView, ...]:
        """All batches at the server, oldest first; seeing them here does not count as a look."""
        return tuple(BatchView.of(batch) for batch in self._service.workspace.all())

    def batch_requests(self, batch_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read what a batch was created with: ``custom_id`` and ``params``, in the order of the input."""
        with self._store.records(batch_id) as records:
            for index in range(len(records)):
                custom_id, params = records[index]
                yield custom_id, msgspec.json.decode(params)

    # --- steering it -----------------------------------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """The faults that calls meet: ``faults.add(Fault(...))``, ``faults.clear()``."""
        return self._service.faults

    @property
    def progress(self) -> Progress:
        """When a batch ends; may be set at any time."""
        return self._service.workspace.rules.progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self._service.workspace.rules.progress = progress

    @property
    def answers(self) -> GivenAnswers | None:
        """What requests are answered; may be set at any time."""
        return self._service.answers.given

    @answers.setter
    def answers(self, answers: GivenAnswers | None) -> None:
        self._service.answers.given = answers

    @property
    def strict(self) -> bool:
        """Whether what the API does not know is refused; may be set at any time."""
        return self._service.strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._service.strict = strict

    def end_batch(self, batch_id: str, outcomes: Outcomes | None = None) -> BatchView:
        """End a batch now; one that has ended stays as it is.

        :param outcomes: ``succeeded``, ``errored``, ``canceled``, ``expired`` or an error body by ``custom_id``, as a
            mapping or a function; a request that is not named comes out as it would by itself
        """
        return BatchView.of(self._service.workspace.end(batch_id, outcomes))

    def expire_batch(self, batch_id: str, outcomes: Outcomes | None = None) -> BatchView:
        """End a batch as if its 24 hours were over: what ``outcomes`` does not name comes back as expired."""
        return BatchView.of(self._service.workspace.expire(batch_id, outcomes))

    def archive_batch(self, batch_id: str) -> BatchView:
        """Archive a batch, ended first if need be: it stays listed, its results are gone."""
        return BatchView.of(self._service.workspace.archive(batch_id))

    def reset(self) -> None:
        """Forget batches, requests and faults."""
        self._service.reset()

"""All parts of one emulator together, and one call as its route sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from airflow_provider_sam.emulator.checks import Checks
from airflow_provider_sam.emulator.errors import invalid, too_large
from airflow_provider_sam.emulator.faults import Effect, Faults
from airflow_provider_sam.emulator.models import DEFAULT_MODELS, OfferedModel, by_name
from airflow_provider_sam.emulator.reading import read_json
from airflow_provider_sam.emulator.requestlog import RequestLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from airflow_provider_sam.emulator import contract
    from airflow_provider_sam.emulator.answers import Answers
    from airflow_provider_sam.emulator.limits import Limits
    from airflow_provider_sam.emulator.ratelimits import RateLimits
    from airflow_provider_sam.emulator.workspace import Workspace


@dataclass(slots=True)
class ResultsOptions:
    """How results are served; the contract promises none of these.

    :param ranges: honour ``Range: bytes=N-`` with 206
    :param content_length: tell the length beforehand instead of sending chunks of unknown number
    :param base_url: the server that ``results_url`` names; None for the one that was asked
    """

    ranges: bool = False
    content_length: bool = False
    base_url: str | None = None


@dataclass(slots=True)
class Service:
    """What the routes work with."""

    api_key: str = field(repr=False)
    workspace: Workspace
    answers: Answers
    limits: Limits
    rates: RateLimits
    results: ResultsOptions = field(default_factory=ResultsOptions)
    models: tuple[OfferedModel, ...] = DEFAULT_MODELS
    strict: bool = False
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)

    def checks(self, schema: str) -> Checks:
        """Return how parameters of the named schema are checked."""
        return Checks(schema, by_name(self.models).keys() if self.strict else None)

    def reset(self) -> None:
        """Forget batches, requests and faults."""
        self.workspace.clear()
        self.faults.clear()
        self.log.clear()
        self.rates.clear()


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a route.

    :param names: what stood in the path's ``{names}``
    :param operation: None for a control route
    :param effects: the faults it met
    """

    service: Service
    request: Request
    request_id: str
    names: Mapping[str, str]
    operation: contract.Operation | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def query(self) -> Mapping[str, str]:
        """The query parameters."""
        return self.request.query_params

    @property
    def base_url(self) -> str:
        """The server that ``results_url`` names."""
        return self.service.results.base_url or str(self.request.base_url).rstrip("/")

    @property
    def schema(self) -> str:
        """The name of the schema that the body must have."""
        if self.operation is None:
            raise TypeError("A control route has no schema in the contract.")
        return self.operation.schema(beta=self.operation.has_beta and "beta" in self.query)

    @property
    def betas(self) -> list[str]:
        """The names on the ``anthropic-beta`` headers."""
        listed = ",".join(self.request.headers.getlist("anthropic-beta"))
        return [name.strip() for name in listed.split(",") if name.strip()]

    async def checked_body(self) -> dict[str, Any]:
        """Read the body and check it against the contract.

        :raises ApiError: 400 when it is no JSON or has another shape; 404 for an unknown model where that counts;
            413 when it is too large
        """
        body = await self.json_body()
        refusal = self.service.checks(self.schema).refusal(body)
        if refusal is not None:
            raise refusal
        checked: dict[str, Any] = body
        return checked

    async def json_body(self) -> Any:
        """Read the body as JSON.

        :raises ApiError: 400 when it is none; 413 when it is too large
        """
        check_content_type(self.request)
        body = bytearray()
        limit = self.service.limits.body_bytes
        check_content_length(self.request, limit)
        async for piece in self.request.stream():
            body += piece
            if len(body) > limit:
                raise too_large(limit)
        return read_json(body)


def check_content_type(request: Request) -> None:
    """Refuse a body that does not say it is JSON."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise invalid("content-type: must be application/json")


def check_content_length(request: Request, limit: int) -> None:
    """Refuse a body that says it is too large, before it is read."""
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_large(limit)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")

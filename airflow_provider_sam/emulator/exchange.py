"""One request and its answer, with whatever faults meet them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from airflow_provider_sam.emulator.admission import check_beta, check_key, check_version
from airflow_provider_sam.emulator.errors import ERROR_TYPES, ApiError, envelope
from airflow_provider_sam.emulator.faults import Delay, Drop, Status, effect_of
from airflow_provider_sam.emulator.service import Call, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Send

    from airflow_provider_sam.emulator.injection import Connection
    from airflow_provider_sam.emulator.routing import Handler, Route

log = logging.getLogger(__name__)


class Exchange:
    """Answers one call.

    :param route: who answers; or the refusal, when the request fits no route
    """

    def __init__(self, call: Call, route: Route | ApiError, connection: Connection) -> None:
        self._call = call
        self._route = route
        self._connection = connection
        self._rate_headers: Mapping[str, str] = {}

    async def run(self, send: Send) -> None:
        """Answer, or fail to, as the effects say."""
        effects = self._call.effects
        delay, drop, status = effect_of(effects, Delay), effect_of(effects, Drop), effect_of(effects, Status)
        if delay is not None:
            await asyncio.sleep(delay.seconds)
        if drop is not None:
            await self._drop(drop)
            return
        if status is None or status.accepted:
            response = await self._respond()
        if status is not None:
            response = _faulty_response(status, self._call.request_id)
        response.headers["request-id"] = self._call.request_id
        response.headers.update(self._rate_headers)
        await response(self._call.request.scope, self._call.request.receive, send)

    async def _drop(self, drop: Drop) -> None:
        if drop.accepted:
            await self._respond()
        elif drop.read_body:
            async for _ in self._call.request.stream():
                pass
        await self._connection.close(reset=drop.reset)

    async def _respond(self) -> Response:
        try:
            handler = self._admit()
            return await handler(self._call)
        except ApiError as error:
            return json_response(error.envelope(self._call.request_id), error.status, error.headers)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("The emulator failed to answer %s %s", self._call.request.method, self._call.request.url.path)
            return json_response(envelope("api_error", "Internal server error", self._call.request_id), 500)

    def _admit(self) -> Handler:
        """Let the call in, or raise what refuses it."""
        if isinstance(self._route, ApiError):
            raise self._route
        if self._route.needs_key:
            check_key(self._call)
        if self._route.operation is not None:
            check_version(self._call)
            check_beta(self._call)
            self._rate_headers = self._call.service.rates.take(self._route.operation.id)
        return self._route.handler


def _faulty_response(fault: Status, request_id: str) -> Response:
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = (
            f"{fault.retry_after:g}" if isinstance(fault.retry_after, float) else str(fault.retry_after)
        )
    if fault.body is not None:
        return Response(fault.body, fault.status, headers, media_type=fault.content_type)
    error_type = fault.error_type or ERROR_TYPES.get(fault.status, "api_error")
    return json_response(envelope(error_type, fault.message, request_id, fault.details), fault.status, headers)

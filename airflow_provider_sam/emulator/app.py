"""The emulator as an ASGI application: each request is matched, logged, met by faults, and answered."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

from airflow_provider_sam.emulator.control import PREFIX, control_routes
from airflow_provider_sam.emulator.errors import ApiError
from airflow_provider_sam.emulator.exchange import Exchange
from airflow_provider_sam.emulator.faults import Effect, effect_type
from airflow_provider_sam.emulator.ids import random_id
from airflow_provider_sam.emulator.injection import Connection, FaultySend
from airflow_provider_sam.emulator.requestlog import RequestRecord, record_of
from airflow_provider_sam.emulator.routes.table import api_routes
from airflow_provider_sam.emulator.routing import Route, Router
from airflow_provider_sam.emulator.service import Call, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Receive, Scope, Send

    from airflow_provider_sam.emulator.contract import Operation

log = logging.getLogger(__name__)

TRANSPORT = "sam_emulator.transport"
"""Where in the ASGI state the server puts the connection's transport."""


class App:
    """The whole server, but for its sockets."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._router = Router([*api_routes(), *control_routes()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, receive, send)
        except ClientDisconnect:
            log.debug("The client left before its request was read.")
        except asyncio.CancelledError:
            # Only a server that stops cancels a request; its connection is gone already, and nobody waits for more.
            log.debug("The server stopped while it was answering.")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, names = self._match(scope)
        operation = _operation(route)
        record = record_of(scope, None if operation is None else operation.id, random_id("req"))
        effects = self._take_note(record)

        async def noted_receive() -> Message:
            message = await receive()
            record.read(message.get("body", b""))
            return message

        request = Request(scope, noted_receive)
        call = Call(self._service, request, record.request_id, names, operation, effects)
        connection = Connection(scope["state"][TRANSPORT], receive)
        await Exchange(call, route, connection).run(FaultySend(send, connection, record, effects))
        if connection.is_closed:
            await connection.closed()

    def _match(self, scope: Scope) -> tuple[Route | ApiError, Mapping[str, str]]:
        try:
            return self._router.match(scope["method"], scope["raw_path"].decode("ascii"))
        except ApiError as error:
            return error, {}

    def _take_note(self, record: RequestRecord) -> tuple[Effect, ...]:
        """Log a request to the API and return the effects that it meets; control routes are left alone."""
        if record.path.startswith(PREFIX):
            return ()
        effects = self._service.faults.meet(record.operation, record.path)
        record.faults = tuple(effect_type(effect) for effect in effects)
        self._service.log.add(record)
        return effects


def _operation(route: Route | ApiError) -> Operation | None:
    return None if isinstance(route, ApiError) else route.operation

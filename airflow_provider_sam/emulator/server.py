"""A thread with an event loop that serves an ASGI application with uvicorn's HTTP protocol, and stops at once.

``uvicorn.Server`` waits for open answers when it stops, and polls; a test that stops a server in the middle of a
download wants the opposite. So the loop is run here: the socket is bound first (the port is known before anything runs,
and is the same after a restart), and stopping breaks off whatever is open.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from airflow_provider_sam.emulator.app import TRANSPORT

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_BACKLOG = 2048
_STARTING_TAKES_AT_MOST = 30.0  # seconds


class _State(ServerState):
    """What uvicorn knows of its connections, and whether new ones still have a server."""

    stopping = False


class _Protocol(H11Protocol):
    """Uvicorn's protocol, which hands its transport to the application, so that a fault can break the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does so only for sockets that name TCP as their protocol; else each answer waits 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        if getattr(self.server_state, "stopping", False):
            transport.abort()  # accepted in the moment of stopping, after the others were broken off


class ServerThread:
    """Serves ``app`` from a thread of its own, from :meth:`start` to :meth:`stop`.

    :param port: 0 lets the system choose; the choice stays for the next start
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._app = app
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Bind the socket and serve; returns when connections are accepted.

        :raises OSError: the address is in use
        """
        if self._thread is not None:
            raise RuntimeError("The server is already running.")
        listening = self._bind()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listening, ready), name="sam-emulator", daemon=True)
        self._thread.start()
        ready.result(_STARTING_TAKES_AT_MOST)

    def stop(self) -> None:
        """Break off all connections and end the thread; does nothing when it is not running."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = self._loop = self._stopping = None

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, self.port), family=family, backlog=_BACKLOG)
        self.port = listening.getsockname()[1]
        return listening

    def _run(self, listening: socket.socket, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(listening, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)  # whoever starts the server waits for this

    async def _serve(self, listening: socket.socket, ready: Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        config = Config(
            self._app, http=_Protocol, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False
        )
        config.load()
        state = _State()
        protocol = partial(_Protocol, config, state, {}, self._loop)
        server = await self._loop.create_server(protocol, sock=listening, backlog=_BACKLOG)
        ready.set_result(None)
        await self._stopping.wait()
        server.close()
        state.stopping = True
        await asyncio.sleep(0)  # connections that are being accepted come to be, and go
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await server.wait_closed()

"""The emulator's own routes, under ``/_emulator``: what Python can do with it, over HTTP.

They ask for the key, like the API's, but for the page; they ask for no version, are not in the request log and meet no
faults.

=========  ===================================  =============================================================
method     path                                 what it does
=========  ===================================  =============================================================
GET        ``/_emulator/requests``              the request log; ``?operation=`` for one operation
DELETE     ``/_emulator/requests``              forget it
GET        ``/_emulator/counts``                the number of requests by operation
GET        ``/_emulator/batches``               the batches at the server, oldest first; not a look
GET        ``/_emulator/batches/{id}``          a page about a batch, for a browser; not a look
POST       ``/_emulator/batches/{id}/end``      end a batch; body ``{"outcomes": {custom_id: outcome}}`` or none
POST       ``/_emulator/batches/{id}/expire``   end it as expired; body as above
POST       ``/_emulator/batches/{id}/archive``  archive it
GET        ``/_emulator/faults``                the faults that may still meet a call
POST       ``/_emulator/faults``                add one, such as ``{"effect": {"type": "drop"}, "nth": 2}``
DELETE     ``/_emulator/faults``                take all away
PUT        ``/_emulator/answers``               a text for all, a mapping, or null to compose them
PUT        ``/_emulator/progress``              one of ``after_seconds``, ``after_looks``, ``"on_demand": true``
POST       ``/_emulator/reset``                 forget batches, requests and faults
=========  ===================================  =============================================================
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from airflow_provider_sam.emulator.errors import invalid
from airflow_provider_sam.emulator.faults import Fault
from airflow_provider_sam.emulator.page import page_of
from airflow_provider_sam.emulator.progress import AfterLooks, AfterSeconds, OnDemand
from airflow_provider_sam.emulator.reading import read_json
from airflow_provider_sam.emulator.routing import Route
from airflow_provider_sam.emulator.service import Call, json_response
from airflow_provider_sam.emulator.state import BatchView

if TYPE_CHECKING:
    from airflow_provider_sam.emulator.outcomes import Outcome

PREFIX = "/_emulator"


class _Ending(msgspec.Struct, forbid_unknown_fields=True):
    outcomes: dict[str, str | dict[str, Any]] | None = None


class _Progress(msgspec.Struct, forbid_unknown_fields=True):
    after_seconds: float | None = None
    after_looks: int | None = None
    on_demand: bool = False


async def show_requests(call: Call) -> Response:
    """Show the request log; the kept bodies are left out."""
    wanted = call.query.get("operation")
    shown = [record for record in call.service.log.all() if wanted is None or record.operation == wanted]
    rows = [{name: getattr(record, name) for name in record.__slots__ if name != "body"} for record in shown]
    return json_response({"data": rows})


async def forget_requests(call: Call) -> Response:
    """Forget the request log."""
    call.service.log.clear()
    return Response(status_code=204)


async def show_counts(call: Call) -> Response:
    """Show the number of requests by operation."""
    return json_response(call.service.log.counts())


async def show_batches(call: Call) -> Response:
    """Show the batches without looking at them."""
    return json_response({"data": [BatchView.of(batch) for batch in call.service.workspace.all()]})


async def show_page(call: Call) -> Response:
    """Show a batch to a person, without looking at it."""
    batch = call.service.workspace.find(call.names["id"])
    return Response(page_of(batch), media_type="text/html")


async def end_batch(call: Call) -> Response:
    """End a batch."""
    outcomes = await _outcomes(call)
    batch = await asyncio.to_thread(call.service.workspace.end, call.names["id"], outcomes)
    return json_response(batch.answer(call.base_url))


async def expire_batch(call: Call) -> Response:
    """End a batch as expired."""
    outcomes = await _outcomes(call)
    batch = await asyncio.to_thread(call.service.workspace.expire, call.names["id"], outcomes)
    return json_response(batch.answer(call.base_url))


async def archive_batch(call: Call) -> Response:
    """Archive a batch."""
    return json_response(call.service.workspace.archive(call.names["id"]).answer(call.base_url))


async def show_faults(call: Call) -> Response:
    """Show the faults that may still meet a call."""
    return json_response({"data": call.service.faults.pending})


async def add_fault(call: Call) -> Response:
    """Add a fault."""
    call.service.faults.add(await _read(call, Fault))
    return Response(status_code=204)


async def clear_faults(call: Call) -> Response:
    """Take all faults away."""
    call.service.faults.clear()
    return Response(status_code=204)


async def set_answers(call: Call) -> Response:
    """Say what requests are answered."""
    call.service.answers.given = await _read(call, str | dict[str, str | dict[str, Any]] | None)
    return Response(status_code=204)


async def set_progress(call: Call) -> Response:
    """Say when batches end."""
    wanted = await _read(call, _Progress)
    match wanted:
        case _Progress(after_seconds=float(seconds), after_looks=None, on_demand=False):
            call.service.workspace.rules.progress = AfterSeconds(seconds)
        case _Progress(after_seconds=None, after_looks=int(looks), on_demand=False):
            call.service.workspace.rules.progress = AfterLooks(looks)
        case _Progress(after_seconds=None, after_looks=None, on_demand=True):
            call.service.workspace.rules.progress = OnDemand()
        case _:
            raise invalid("Give one of after_seconds, after_looks, and on_demand.")
    return Response(status_code=204)


async def reset(call: Call) -> Response:
    """Forget batches, requests and faults."""
    call.service.reset()
    return Response(status_code=204)


def control_routes() -> list[Route]:
    """Return the control routes."""
    return [
        Route(method, PREFIX + path, handler)
        for method, path, handler in (
            ("GET", "/requests", show_requests),
            ("DELETE", "/requests", forget_requests),
            ("GET", "/counts", show_counts),
            ("GET", "/batches", show_batches),
            ("POST", "/batches/{id}/end", end_batch),
            ("POST", "/batches/{id}/expire", expire_batch),
            ("POST", "/batches/{id}/archive", archive_batch),
            ("GET", "/faults", show_faults),
            ("POST", "/faults", add_fault),
            ("DELETE", "/faults", clear_faults),
            ("PUT", "/answers", set_answers),
            ("PUT", "/progress", set_progress),
            ("POST", "/reset", reset),
        )
    ] + [Route("GET", f"{PREFIX}/batches/{{id}}", show_page, needs_key=False)]


async def _outcomes(call: Call) -> dict[str, Outcome] | None:
    body = await call.request.body()
    outcomes: dict[str, Outcome] | None = read_json(body, _Ending).outcomes if body else None
    return outcomes


async def _read(call: Call, kind: Any) -> Any:
    return read_json(await call.request.body(), kind)

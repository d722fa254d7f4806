"""The six operations on message batches."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from airflow_provider_sam.emulator.errors import ApiError, too_large
from airflow_provider_sam.emulator.faults import ChosenId, LateVisibility, RepeatedCreate, effect_of
from airflow_provider_sam.emulator.intake import BODY, take_in
from airflow_provider_sam.emulator.pagination import page_body, read_query
from airflow_provider_sam.emulator.results import ResultLines, chunks, first_byte
from airflow_provider_sam.emulator.service import Call, check_content_length, check_content_type, json_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

    from airflow_provider_sam.emulator.intake import Intake
    from airflow_provider_sam.emulator.state import Batch

_REQUEST_SCHEMAS = {"BatchCreateParams": "MessageCreateParams", "BetaBatchCreateParams": "BetaMessageCreateParams"}


async def create(call: Call) -> Response:
    """Create a batch; it is there once its body is in, even if the client has gone meanwhile."""
    limits, workspace = call.service.limits, call.service.workspace
    schema = _REQUEST_SCHEMAS[call.schema]
    checks = call.service.checks(schema)
    check_content_type(call.request)
    directory = workspace.store.unfinished()
    try:
        await _spool(call.request, directory / BODY, limits.batch_bytes)
        intake = await asyncio.to_thread(take_in, directory, checks=checks, max_requests=limits.batch_requests)
        batches = _create(call, directory, intake, schema)
    except BaseException:
        workspace.store.discard(directory)
        raise
    repeated = effect_of(call.effects, RepeatedCreate)
    shown = batches[0] if repeated is not None and repeated.answer == "first" else batches[-1]
    return json_response(shown.answer(call.base_url))


async def list_page(call: Call) -> Response:
    """List batches, newest first."""
    page = call.service.workspace.page(read_query(call.query))
    return json_response(page_body(page, lambda batch: batch.id, lambda batch: batch.answer(call.base_url)))


async def retrieve(call: Call) -> Response:
    """Look at a batch."""
    return json_response(call.service.workspace.look(_batch_id(call)).answer(call.base_url))


async def cancel(call: Call) -> Response:
    """Begin to cancel a batch."""
    return json_response(call.service.workspace.cancel(_batch_id(call)).answer(call.base_url))


async def delete(call: Call) -> Response:
    """Delete a batch."""
    call.service.workspace.delete(_batch_id(call))
    return json_response({"id": _batch_id(call), "type": "message_batch_deleted"})


async def results(call: Call) -> Response:
    """Send the results, made as they are sent."""
    workspace = call.service.workspace
    batch, decisions = workspace.results(_batch_id(call))
    checks = call.service.checks(batch.schema)
    records = partial(workspace.store.records, batch.id)
    result_lines = ResultLines(batch, records, decisions, call.service.answers, checks)
    status, headers, skip = await _terms(call, result_lines)
    return StreamingResponse(_stream(result_lines, skip), status, headers, media_type="application/x-jsonl")


def _create(call: Call, directory: Path, intake: Intake, schema: str) -> list[Batch]:
    """Make the batch, and with it whatever faults make of it."""
    workspace = call.service.workspace
    repeated, chosen = effect_of(call.effects, RepeatedCreate), effect_of(call.effects, ChosenId)
    copies = [workspace.store.copy(directory) for _ in range(1, 1 if repeated is None else repeated.times)]
    ids = [None if chosen is None else chosen.id, *(None for _ in copies)]
    batches = [
        workspace.create(source, intake, schema=schema, betas=call.betas, batch_id=batch_id)
        for source, batch_id in zip([directory, *copies], ids, strict=True)
    ]
    late = effect_of(call.effects, LateVisibility)
    if late is not None:
        for batch in batches:
            workspace.visibility.hide(batch.id, looks=late.looks, seconds=late.seconds)
    return batches


async def _spool(request: Request, target: Path, limit: int) -> None:
    """Write the body to a file as it arrives."""
    check_content_length(request, limit)
    size = 0
    with target.open("wb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            file.write(piece)


async def _terms(call: Call, result_lines: ResultLines) -> tuple[int, Mapping[str, str], int]:
    """Settle status, headers and the number of bytes to leave out."""
    options = call.service.results
    skip = first_byte(call.request.headers.get("range")) if options.ranges else None
    if skip is None and not options.content_length:
        return 200, {}, 0
    length = await asyncio.to_thread(result_lines.length)
    if skip is None:
        return 200, {"content-length": str(length)}, 0
    if skip >= length:
        headers = {"content-range": f"bytes */{length}"}
        raise ApiError(
            416, f"range: the results have {length} bytes", error_type="invalid_request_error", headers=headers
        )
    headers = {"content-range": f"bytes {skip}-{length - 1}/{length}", "content-length": str(length - skip)}
    return 206, headers, skip


async def _stream(result_lines: ResultLines, skip: int) -> AsyncIterator[bytes]:
    parts = chunks(iter(result_lines), skip)
    while chunk := await asyncio.to_thread(next, parts, b""):
        yield chunk


def _batch_id(call: Call) -> str:
    return call.names["message_batch_id"]

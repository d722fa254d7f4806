"""Messages and token counts."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from airflow_provider_sam.emulator.service import Call, json_response
from airflow_provider_sam.emulator.sse import MEDIA_TYPE, message_events
from airflow_provider_sam.emulator.tokens import count_input


async def create(call: Call) -> Response:
    """Answer a message, as a whole or as events."""
    params = await call.checked_body()
    message = call.service.answers.message(params)
    if params.get("stream"):
        return StreamingResponse(message_events(message), media_type=MEDIA_TYPE, headers={"cache-control": "no-cache"})
    return json_response(message)


async def count_tokens(call: Call) -> Response:
    """Estimate the input tokens of a message request."""
    return json_response({"input_tokens": count_input(await call.checked_body())})

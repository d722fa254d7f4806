"""Text completions."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from airflow_provider_sam.emulator.service import Call, json_response
from airflow_provider_sam.emulator.sse import MEDIA_TYPE, completion_events


async def create(call: Call) -> Response:
    """Answer a completion, as a whole or as events."""
    params = await call.checked_body()
    completion = call.service.answers.completion(params)
    if params.get("stream"):
        headers = {"cache-control": "no-cache"}
        return StreamingResponse(completion_events(completion), media_type=MEDIA_TYPE, headers=headers)
    return json_response(completion)

"""The list of models, and one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.emulator.errors import not_found
from airflow_provider_sam.emulator.models import OfferedModel, by_name
from airflow_provider_sam.emulator.pagination import cut_page, page_body, read_query
from airflow_provider_sam.emulator.service import Call, json_response

if TYPE_CHECKING:
    from starlette.responses import Response


async def list_page(call: Call) -> Response:
    """List models, newest first."""
    page = cut_page(call.service.models, read_query(call.query), lambda model: model.id)
    return json_response(page_body(page, lambda model: model.id, OfferedModel.answer))


async def retrieve(call: Call) -> Response:
    """Look up a model by its id or an alias."""
    model = by_name(call.service.models).get(call.names["model_id"])
    if model is None:
        raise not_found(f"model: {call.names['model_id']}")
    return json_response(model.answer())

"""Who answers each operation of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sam.emulator import contract
from airflow_provider_sam.emulator.routes import batches, completions, messages, models
from airflow_provider_sam.emulator.routing import Handler, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDLERS: Mapping[str, Handler] = {
    "messages_create": messages.create,
    "messages_count_tokens": messages.count_tokens,
    "messages_batches_create": batches.create,
    "messages_batches_list": batches.list_page,
    "messages_batches_retrieve": batches.retrieve,
    "messages_batches_delete": batches.delete,
    "messages_batches_cancel": batches.cancel,
    "messages_batches_results": batches.results,
    "complete_create": completions.create,
    "models_list": models.list_page,
    "models_retrieve": models.retrieve,
}


def api_routes() -> list[Route]:
    """Return the routes of all operations in the contract; one without a handler is an error."""
    return [
        Route(operation.method, operation.path, HANDLERS[operation.id], operation)
        for operation in contract.operations()
    ]

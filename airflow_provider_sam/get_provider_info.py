"""What Airflow discovers about this provider: pure data, read before any of its code runs."""

from __future__ import annotations

from typing import Any

from airflow_provider_sam.connection import CONN_TYPE, form_behaviour, form_fields

INTEGRATION = "Sam API"
PACKAGE = "airflow_provider_sam"


def _modules(room: str, *names: str) -> list[dict[str, Any]]:
    return [{"integration-name": INTEGRATION, "python-modules": [f"{PACKAGE}.{room}.{name}" for name in names]}]


def get_provider_info() -> dict[str, Any]:
    """Describe the provider in the shape of Airflow's `provider_info.schema.json`."""
    behaviour = form_behaviour()
    return {
        "package-name": "airflow-provider-sam",
        "name": "Sam",
        "description": "Messages and message batches of the Sam API, and their results on object storage.",
        "integrations": [{"integration-name": INTEGRATION, "tags": ["service", "ai"]}],
        "connection-types": [
            {
                "connection-type": CONN_TYPE,
                "hook-class-name": f"{PACKAGE}.hooks.sam.SamHook",
                "hook-name": "Sam API",
                "conn-fields": form_fields(),
                "ui-field-behaviour": {
                    "hidden-fields": behaviour["hidden_fields"],
                    "relabeling": behaviour["relabeling"],
                    "placeholders": behaviour["placeholders"],
                },
            }
        ],
        "hooks": _modules("hooks", "sam"),
        "operators": _modules("operators", "batch", "completion", "message"),
        "sensors": _modules("sensors", "batch"),
        "triggers": _modules("triggers", "batch", "ended", "start"),
        "task-decorators": [
            {"name": name, "class-name": f"{PACKAGE}.decorators.{name}"} for name in ("sam_batch", "sam_message")
        ],
        "extra-links": [f"{PACKAGE}.links.batch.SamBatchLink"],
        "transfers": [
            {
                "source-integration-name": "Object Storage",
                "target-integration-name": INTEGRATION,
                "python-module": f"{PACKAGE}.transfers.object_storage_to_batch",
            },
            {
                "source-integration-name": INTEGRATION,
                "target-integration-name": "Object Storage",
                "python-module": f"{PACKAGE}.transfers.batch_to_object_storage",
            },
        ],
    }

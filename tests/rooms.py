"""The rooms of the package and who may import whom: held by the architecture test, drawn on the design page."""

from __future__ import annotations

# Room by room, from the ground up: the rooms that each imports from, besides itself. The package itself, which holds
# nothing but its version, is open to all. No room may import more, and none is listed that is not imported.
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "_compat": set(),
    "api": set(),
    "emulator": set(),
    "exceptions": {"_compat", "api"},
    "connection": {"api", "exceptions"},
    "get_provider_info": {"connection"},
    "batches": {"_compat", "api"},
    "batches.store": {"_compat", "batches", "exceptions"},
    # Submitting, waiting and landing never import each other: what two of them need is a room below.
    "batches.submit": {"_compat", "api", "batches", "batches.store", "exceptions"},
    "batches.wait": {"api", "batches", "exceptions"},
    "batches.land": {"_compat", "api", "batches", "batches.store", "exceptions"},
    "rows": {"api", "batches"},
    # Reading rows knows no request; a table knows the recipe, by which rows find their answers.
    "rows.sources": {"_compat", "api", "batches", "rows"},
    "rows.requests": {"api", "batches", "rows"},
    "rows.tables": {"_compat", "api", "batches", "exceptions", "rows", "rows.requests"},
    "results": {"_compat", "api", "batches", "batches.land"},
    "retry_policies": {"_compat", "api"},
    "hooks": {"_compat", "api", "connection", "exceptions"},
    "links": {"_compat"},
    "triggers": {"_compat", "api", "batches", "batches.wait", "connection", "hooks"},
    "tasks": {
        *("_compat", "api", "batches", "batches.land", "batches.store", "batches.submit", "batches.wait"),
        *("exceptions", "hooks", "links", "retry_policies", "rows", "rows.requests", "rows.sources", "rows.tables"),
        "triggers",
    },
    "common_ai": {"_compat", "api", "batches", "batches.land", "batches.submit", "exceptions", "tasks"},
    # Operators, sensors and transfers never import each other.
    "operators": {
        *("_compat", "api", "batches", "batches.submit", "connection"),
        *("exceptions", "hooks", "links", "rows.requests", "tasks"),
    },
    "sensors": {
        *("_compat", "api", "batches", "batches.wait", "connection"),
        *("exceptions", "hooks", "links", "tasks", "triggers"),
    },
    "transfers": {
        *("_compat", "batches", "batches.land", "batches.store", "batches.submit", "connection"),
        *("exceptions", "hooks", "links", "rows.requests", "rows.tables", "tasks"),
    },
    "task_groups": {"_compat", "api", "batches.wait", "operators", "rows.requests", "sensors", "tasks", "transfers"},
    "decorators": {"_compat", "api", "connection", "operators", "rows.requests", "tasks"},
}

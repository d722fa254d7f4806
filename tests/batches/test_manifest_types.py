"""The types of a manifest, its JSON Schema and the manifests that are written say the same.

After an intended change of the types:
``python -m tests.batches.test_manifest_types > airflow_provider_sam/batches/manifest.schema.json``
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
import types
import typing
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_sam import results
from airflow_provider_sam._compat import object_storage_path
from airflow_provider_sam.api.client import SamClient
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.api.settings import ClientSettings
from airflow_provider_sam.batches import manifest_types
from airflow_provider_sam.batches.land.carry_over import CarryOver
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.batches.manifest_types import Manifest
from tests.batches.raw_server import BATCH_ID, Answer, raw_server

SCHEMA = Path(manifest_types.__file__).with_name("manifest.schema.json")
PLAIN = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": 0},
    type(None): {"type": "null"},
    typing.Any: {},
}


def schema_of(kind, definitions):
    """Return the JSON Schema of a type, and add those of the dictionaries in it to the definitions."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], definitions)}
    if origin in {types.UnionType, typing.Union}:
        return {"anyOf": [schema_of(each, definitions) for each in arguments]}
    assert typing.is_typeddict(kind)
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = None  # so that it stands before those inside
        fields = typing.get_type_hints(kind)
        definitions[kind.__name__] = {
            "description": inspect.getdoc(kind),
            "type": "object",
            "properties": {name: schema_of(field, definitions) for name, field in fields.items()},
            "required": [name for name in fields if name in kind.__required_keys__],
            "additionalProperties": True,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def render():
    """Return the JSON Schema of a manifest."""
    definitions = {}
    whole = schema_of(Manifest, definitions)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Manifest"}
    return json.dumps({**dialect, **whole, "$defs": definitions}, indent=2) + "\n"


def test_the_schema_says_what_the_types_say():
    assert SCHEMA.read_text(encoding="utf-8") == render()


def check(manifest):
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(manifest)


def line(custom_id, kind, **more):
    return json.dumps({"custom_id": custom_id, "result": {"type": kind, **more}}).encode() + b"\n"


SUCCEEDED = {"message": {"model": "m", "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}}}
ERRORED = {"error": {"type": "error", "error": {"type": "api_error", "message": "no"}}}
BODY = line("a", "succeeded", **SUCCEEDED) + line("b", "errored", **ERRORED) + line("c", "expired")
COUNTS = {"succeeded": 1, "errored": 1, "expired": 1}


def published(folder, name, *, body=BODY, counts=COUNTS, carry=None, none=False):
    path = folder / name
    with (
        raw_server(counts, Answer(body)) as server,
        SamClient(ClientSettings(base_url=server.url, api_key="a-key")) as client,
    ):
        publication = Publication(
            batch_ids=[] if none else [BATCH_ID],
            path=object_storage_path(path.as_uri()),
            is_directory=not path.suffix,
            format="parquet" if path.suffix == ".parquet" else "jsonl",
            carry_over=carry and CarryOver(carry),
        )
        returned = publish(client, publication, log=logging.getLogger(__name__))
    assert json.loads(path.with_name(f"{name}.manifest.json").read_bytes()) == returned
    return returned


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.parquet", "folder"])
def test_a_manifest_is_valid_whatever_it_describes_and_read_with_its_type(tmp_path, name):
    manifest = published(tmp_path, name)
    check(manifest)
    assert results.read_manifest(manifest) == results.read_manifest((tmp_path / name).as_uri()) == manifest
    assert (
        typing.get_type_hints(results.read_manifest, vars(manifest_types) | {"_Manifest": object})["return"] is Manifest
    )


def test_a_manifest_of_two_rounds_is_valid_also_where_the_second_was_skipped(tmp_path):
    first = published(tmp_path, "first.jsonl")
    second = line("b", "succeeded", **SUCCEEDED)
    both = published(tmp_path, "both.jsonl", body=second, counts={"succeeded": 1}, carry=first)
    skipped = published(tmp_path, "skipped.jsonl", carry=first, none=True)
    check(both)
    check(skipped)
    assert both["carried_over"]["files"] == skipped["carried_over"]["files"] == first["files"]


def test_a_type_of_results_and_fields_that_are_newer_than_the_types_are_valid(tmp_path):
    manifest = published(tmp_path, "r.jsonl", body=BODY[: BODY.rindex(b'{"custom')] + line("c", "paused"))
    assert manifest["total"]["counts"]["paused"] == 1
    newer = manifest | {"reused": 5, "output_schema": {"type": "object"}}
    newer["total"] = newer["total"] | {"counts": newer["total"]["counts"] | {"invalid_output": 2}}
    check(newer)
    assert results.read_manifest(newer) == newer


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (part, field)
        for part, kind in {
            "": Manifest,
            "files": manifest_types.FileEntry,
            "batches": manifest_types.BatchEntry,
            "total": manifest_types.Totals,
        }.items()
        for field in sorted(kind.__required_keys__)
    ],
)
def test_a_manifest_that_lacks_a_field_is_refused_by_schema_and_reader(tmp_path, part, field):
    manifest = published(tmp_path, "r.jsonl")
    where = manifest if not part else manifest["total"] if part == "total" else manifest[part][0]
    del where[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        check(manifest)
    with pytest.raises(SamRequestError):
        results.read_manifest(manifest)


def test_a_manifest_from_before_there_were_tables_is_read(tmp_path):
    manifest = published(tmp_path, "r.jsonl")
    assert manifest.pop("table") is None
    check(manifest)
    assert results.read_manifest(manifest) == manifest


if __name__ == "__main__":
    sys.stdout.write(render())

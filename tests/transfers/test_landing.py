"""The operator lands what the API has, says in the manifest what it was, and judges it afterwards."""

from __future__ import annotations

import errno
import hashlib
import importlib
import json
import logging
import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import pytest

from airflow_provider_sam import _compat
from airflow_provider_sam._compat import AirflowFailException, Asset
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import storage
from airflow_provider_sam.batches.ids import custom_ids_digest
from airflow_provider_sam.batches.land import deleting, parquet
from airflow_provider_sam.batches.land.publish import Publication, publish
from airflow_provider_sam.batches.paths import destination
from airflow_provider_sam.emulator import Fault, Status
from airflow_provider_sam.exceptions import SamBatchFailedError, SamResultsError
from airflow_provider_sam.hooks.sam import SamHook
from airflow_provider_sam.results import iter_published, read_texts
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator

FAILURES = {"row-1": "expired", "row-3": {"type": "api_error", "message": "Internal server error"}}


@pytest.fixture
def ended(sam, requests):
    """A function that creates a batch and ends it; gives its id."""

    def end(outcomes=None, requests=requests):
        with SamHook().client as client:
            batch = client.create_batch(requests)
        return sam.end_batch(batch.id, outcomes).id

    return end


def run(**arguments):
    context = arguments.pop("context", {})
    operator = SamBatchToObjectStorageOperator(task_id="land", **arguments)
    return operator, operator.execute(context)


def test_the_manifest_says_what_was_landed(ended, tmp_path):
    batch_id = ended(FAILURES)
    _, manifest = run(batch_id=batch_id, path=(tmp_path / "r.jsonl").as_uri())
    landed = (tmp_path / "r.jsonl").read_bytes()
    assert json.loads((tmp_path / "r.jsonl.manifest.json").read_bytes()) == manifest
    (page,) = manifest["batches"]
    assert page["batch_id"] == batch_id
    assert page["counts"] == {"succeeded": 3, "errored": 1, "canceled": 0, "expired": 1}
    assert (page["bytes"], page["sha256"]) == (len(landed), hashlib.sha256(landed).hexdigest())
    assert page["errors"] == [{"type": "api_error", "message": "Internal server error", "count": 1}]
    assert page["created_at"] <= page["ended_at"] <= page["landing_began_at"] <= page["landed_at"]
    assert manifest["files"][0]["sha256"] == page["sha256"]
    assert set(manifest["total"]["usage"]["sam-small"]) == {
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    }


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.jsonl.zst", "r.parquet"])
def test_every_format_gives_the_same_results_back(ended, tmp_path, name):
    batch_id = ended(FAILURES)
    with SamHook().client as client:
        expected = list(client.iter_results(batch_id))
    path = (tmp_path / name).as_uri()
    _, manifest = run(batch_id=batch_id, path=path, format="parquet" if name.endswith("parquet") else "jsonl")
    assert list(iter_published(manifest)) == expected
    assert read_texts(path) == {
        row.custom_id: row.result.message.text for row in expected if row.result.type == "succeeded"
    }
    stored = (tmp_path / name).read_bytes()
    assert (manifest["files"][0]["bytes"], manifest["files"][0]["sha256"]) == (
        len(stored),
        hashlib.sha256(stored).hexdigest(),
    )


def test_parquet_has_a_column_for_each_fact(ended, tmp_path):
    import pyarrow.parquet

    run(batch_id=ended(FAILURES), path=(tmp_path / "r.parquet").as_uri(), format="parquet")
    rows = {row["custom_id"]: row for row in pyarrow.parquet.read_table(tmp_path / "r.parquet").to_pylist()}
    assert (rows["row-0"]["outcome"], rows["row-0"]["model"], rows["row-0"]["error_type"]) == (
        "succeeded",
        "sam-small",
        None,
    )
    assert rows["row-0"]["output_tokens"] > 0
    assert rows["row-0"]["text"]
    assert (rows["row-3"]["error_type"], rows["row-3"]["error_message"]) == ("api_error", "Internal server error")
    assert (rows["row-1"]["outcome"], rows["row-1"]["text"]) == ("expired", None)
    assert json.loads(rows["row-1"]["raw"])["custom_id"] == "row-1"


def test_a_directory_gets_a_file_for_each_batch(ended, tmp_path):
    ids = [ended(), ended(FAILURES)]
    _, manifest = run(batch_id=ids, path=f"{(tmp_path / 'out').as_uri()}/")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{name}.jsonl" for name in ids)
    assert (tmp_path / "out.manifest.json").exists()
    assert manifest["total"]["lines"] == 10
    assert [page["batch_id"] for page in manifest["batches"]] == ids


def test_when_one_of_several_batches_cannot_be_landed_none_appears(ended, sam, tmp_path):
    ids = [ended(), ended()]
    sam.archive_batch(ids[1])
    with pytest.raises(SamResultsError, match="was archived"):
        run(batch_id=ids, path=f"{(tmp_path / 'out').as_uri()}/")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_for_several_batches_may_hold_no_custom_id_twice(ended, tmp_path):
    _, first = run(batch_id=ended(), path=(tmp_path / "first.jsonl").as_uri())
    with pytest.raises(SamResultsError, match="5 custom_ids more than once"):
        run(batch_id=[ended(), ended()], path=(tmp_path / "final.jsonl").as_uri(), carry_over=first)
    assert not (tmp_path / "final.jsonl").exists()


def test_a_publication_that_is_complete_is_not_landed_again(ended, sam, tmp_path):
    arguments = {"batch_id": ended(), "path": (tmp_path / "r.jsonl").as_uri()}
    _, first = run(**arguments)
    asked = len(sam.requests)
    assert run(**arguments)[1] == first
    assert len(sam.requests) == asked


NO_MANIFESTS = {
    "no JSON": "{",
    "no UTF-8": "\udcff",
    "a list": "[]",
    "another version": '{"version": 2}',
    "a version and nothing more": '{"version": 1}',
    "too deep": '{"version": 1, "files": ' + "[" * 5000 + "]" * 5000 + "}",
    "a long number": '{"version": ' + "1" * 6000 + "}",
    "a long version": '{"version": "' + "1" * 6000 + '"}',
    "empty lists": '{"version": 1, "format": "jsonl", "files": [], "batches": [{"batch_id": "<BATCH>"}], "total": {}}',
    "wrong types": '{"version": 1, "format": "jsonl", "files": [7], "batches": "<BATCH>", "carried_over": []}',
}


@pytest.mark.parametrize("damage", ["other batch", "shorter file", "no file", "no manifest", *NO_MANIFESTS])
def test_whatever_else_is_there_is_replaced(ended, sam, tmp_path, damage):
    batch_id, path = ended(), tmp_path / "r.jsonl"
    run(batch_id=ended() if damage == "other batch" else batch_id, path=path.as_uri())
    manifest = tmp_path / "r.jsonl.manifest.json"
    match damage:
        case "shorter file":
            path.write_bytes(path.read_bytes()[:-1])
        case "no file":
            path.unlink()
        case "no manifest":
            manifest.unlink()
        case _ if damage in NO_MANIFESTS:
            manifest.write_bytes(NO_MANIFESTS[damage].replace("<BATCH>", batch_id).encode(errors="surrogateescape"))
    run(batch_id=batch_id, path=path.as_uri())
    assert sam.count("messages_batches_results") == 2
    assert json.loads(manifest.read_bytes())["batches"][0]["batch_id"] == batch_id


def test_nothing_is_overwritten_where_that_is_an_error(ended, sam, tmp_path):
    (tmp_path / "r.jsonl").write_text("mine")
    with pytest.raises(SamResultsError, match=r"r\.jsonl exists"):
        run(batch_id=ended(), path=(tmp_path / "r.jsonl").as_uri(), overwrite="error")
    assert (tmp_path / "r.jsonl").read_text() == "mine"
    assert sam.count("messages_batches_results") == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"overwrite": "yes"}, "overwrite 'yes' is unknown"),
        ({"format": "xml"}, "format 'xml' is unknown"),
        ({"max_failed_ratio": 5}, "must be from 0 to 1"),
        ({"carry_over": "/nowhere/r.jsonl"}, "no manifest found at /nowhere/r.jsonl.manifest.json"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_downloaded(
    ended, sam, tmp_path, arguments, complaint
):
    with pytest.raises(SamRequestError, match=complaint):
        run(batch_id=ended(), path=(tmp_path / "r.jsonl").as_uri(), **arguments)
    assert sam.count("messages_batches_results") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_judgement_comes_after_the_landing(ended, sam, tmp_path):
    batch_id = ended(FAILURES)
    with pytest.raises(SamBatchFailedError, match=r"2 of 5 results failed \(1 errored, 1 expired\)") as caught:
        run(
            batch_id=batch_id,
            path=(tmp_path / "r.jsonl").as_uri(),
            fail_on_partial_error=True,
            delete_after_publish=True,
        )
    assert isinstance(caught.value, AirflowFailException)
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == 5
    assert (tmp_path / "r.jsonl.manifest.json").exists()
    assert [batch.id for batch in sam.batches] == [batch_id]


def test_batches_are_deleted_once_they_are_published(ended, sam, tmp_path):
    arguments = {"batch_id": ended(), "path": (tmp_path / "r.jsonl").as_uri(), "delete_after_publish": True}
    _, manifest = run(**arguments)
    assert sam.batches == ()
    assert run(**arguments)[1] == manifest, "a retry finds all done"


def test_a_batch_that_has_not_ended_is_not_landed(sam, requests, tmp_path):
    from airflow_provider_sam.emulator import OnDemand

    sam.progress = OnDemand()
    with SamHook().client as client:
        batch = client.create_batch(requests)
    with pytest.raises(SamResultsError, match="is in_progress; wait until it has ended"):
        run(batch_id=batch.id, path=(tmp_path / "r.jsonl").as_uri())
    assert list(tmp_path.iterdir()) == []


def test_the_events_of_outlet_assets_carry_the_counts(ended, tmp_path):
    asset = Asset("s3://lake/answers")
    event = SimpleNamespace(extra={})

    class Events:
        """Airflow's accessor, which takes assets, though not all versions can hash them."""

        def __getitem__(self, key):
            assert key is asset
            return event

    batch_id = ended(FAILURES)
    run(
        batch_id=batch_id,
        path=(tmp_path / "r.jsonl").as_uri(),
        outlets=[asset],
        context={"outlet_events": Events()},
    )
    assert event.extra["counts"] == {"succeeded": 3, "errored": 1, "canceled": 0, "expired": 1}
    assert event.extra["batch_ids"] == [batch_id]


@pytest.fixture
def collector(monkeypatch):
    """Airflow's collector of lineage, as it is where a plugin reads it; without one Airflow collects nothing."""
    home = importlib.import_module(type(_compat.get_hook_lineage_collector()).__module__)
    collector = home.HookLineageCollector()
    monkeypatch.setattr("airflow_provider_sam._compat.get_hook_lineage_collector", lambda: collector)
    return collector


def collected(collector, side):
    """Return URI and context of each input or output; Airflow 2 calls assets datasets."""
    kind = "asset" if hasattr(type(collector), "collected_assets") else "dataset"
    lineage = getattr(collector, f"collected_{kind}s")
    return [(getattr(each, kind).uri, each.context) for each in getattr(lineage, side)]


def test_lineage_names_source_and_destination(ended, sam, tmp_path, collector):
    batch_id, path = ended(), (tmp_path / "r.jsonl").as_uri()
    operator, _ = run(batch_id=batch_id, path=path)
    assert collected(collector, "inputs") == [(f"{sam.url}/v1/messages/batches/{batch_id}/results", operator)]
    assert collected(collector, "outputs") == [(path, operator)]


def test_lineage_of_a_second_round_names_the_files_carried_over(ended, requests, tmp_path, collector):
    _, first = run(batch_id=ended(FAILURES), path=(tmp_path / "first.jsonl").as_uri())
    operator, _ = run(batch_id=ended(None, requests[:1]), path=(tmp_path / "final.jsonl").as_uri(), carry_over=first)
    assert (tmp_path / "first.jsonl").as_uri() in {uri for uri, _ in collected(collector, "inputs")}
    outputs = [uri for uri, context in collected(collector, "outputs") if context is operator]
    assert outputs == [(tmp_path / "final.jsonl").as_uri()]


@pytest.fixture
def openlineage(monkeypatch):
    """Stands for the OpenLineage provider, which calls the operator where it is installed."""
    extractors = ModuleType("airflow.providers.openlineage.extractors")
    extractors.OperatorLineage = SimpleNamespace
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", ModuleType("airflow.providers.openlineage"))
    monkeypatch.setitem(sys.modules, extractors.__name__, extractors)
    events = ModuleType("openlineage.client.event_v2")
    events.Dataset = lambda *names: names
    for module in (ModuleType("openlineage"), ModuleType("openlineage.client"), events):
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("openlineage")
@pytest.mark.parametrize("allowed", [1.0, 0.0], ids=["published", "judged as failed"])
def test_openlineage_is_told_source_and_destination(ended, sam, tmp_path, allowed):
    batch_id = ended(FAILURES)
    operator = SamBatchToObjectStorageOperator(
        task_id="land", batch_id=batch_id, path=(tmp_path / "r.jsonl").as_uri(), max_failed_ratio=allowed
    )
    with nullcontext() if allowed else pytest.raises(SamBatchFailedError):
        operator.execute({})
    told = operator.get_openlineage_facets_on_complete(None)
    assert told.inputs == [(sam.url, f"v1/messages/batches/{batch_id}/results")]
    assert told.outputs == [("file", str(tmp_path / "r.jsonl"))]


def test_two_rounds_make_one_file_with_each_custom_id_once(ended, requests, tmp_path):
    _, first = run(batch_id=ended(FAILURES), path=(tmp_path / "first.jsonl").as_uri())
    again = [request for request in requests if request["custom_id"] in FAILURES]
    second = ended({"row-3": "canceled"}, again)
    _, final = run(batch_id=second, path=(tmp_path / "final.jsonl").as_uri(), carry_over=first)
    outcomes = {row.custom_id: row.result.type for row in iter_published(final)}
    assert outcomes == dict.fromkeys((f"row-{number}" for number in range(5)), "succeeded") | {"row-3": "canceled"}
    assert final["total"]["lines"] == 5
    assert final["total"]["counts"] == {"succeeded": 4, "errored": 0, "canceled": 1, "expired": 0}
    assert final["carried_over"]["files"] == first["files"]
    assert run(batch_id=second, path=(tmp_path / "final.jsonl").as_uri(), carry_over=first)[1] == final


@pytest.mark.parametrize("none", [None, []])
@pytest.mark.parametrize("name", ["final.jsonl", "final.parquet"])
def test_a_second_round_that_was_skipped_leaves_all_results_of_the_first(ended, sam, requests, tmp_path, none, name):
    _, first = run(batch_id=[ended(FAILURES), ended(None, renamed(requests))], path=f"{tmp_path.as_uri()}/first/")
    asked = len(sam.requests)
    arguments = {"path": (tmp_path / name).as_uri(), "carry_over": first, "delete_after_publish": True}
    _, final = run(batch_id=none, format=name.partition(".")[2], **arguments)
    assert list(iter_published(final)) == list(iter_published(first))
    assert final["batches"] == []
    assert final["total"] == first["total"] | {"bytes": (tmp_path / name).stat().st_size}
    assert run(batch_id=none, format=name.partition(".")[2], **arguments)[1] == final
    assert len(sam.requests) == asked, "the API has nothing to say about it"


def renamed(requests):
    return [{**request, "custom_id": f"other-{number}"} for number, request in enumerate(requests)]


@pytest.mark.parametrize("none", [None, []])
def test_no_batch_and_nothing_to_carry_over_is_an_error(sam, tmp_path, none):  # noqa: ARG001 - the connection
    with pytest.raises(SamRequestError, match="batch_id"):
        run(batch_id=none, path=(tmp_path / "final.jsonl").as_uri())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_no_manifest_where_one_was_meant_to_come_is_never_taken_for_none(ended, tmp_path, nothing):
    operator = SamBatchToObjectStorageOperator(
        task_id="land", batch_id=ended(), path=(tmp_path / "final.jsonl").as_uri(), carry_over=1
    )
    operator.carry_over = nothing  # as Airflow puts in place what came from upstream
    with pytest.raises(SamRequestError, match=f"carry_over must be a manifest or the path of one, got {nothing!r}"):
        operator.execute({})
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_carried_over_into_itself(ended, requests, tmp_path):
    path = (tmp_path / "results.jsonl").as_uri()
    _, first = run(batch_id=ended(FAILURES), path=path)
    with pytest.raises(SamRequestError, match="is a file to carry over; name another for both rounds"):
        run(batch_id=ended(None, requests[:1]), path=path, carry_over=first)
    assert len(list(iter_published(first))) == len(requests)


def test_a_file_that_has_changed_is_not_carried_over(ended, requests, tmp_path):
    _, first = run(batch_id=ended(FAILURES), path=(tmp_path / "first.jsonl").as_uri())
    changed = (tmp_path / "first.jsonl").read_bytes().replace(b"Internal", b"External")
    (tmp_path / "first.jsonl").write_bytes(changed)
    with pytest.raises(SamResultsError, match="has changed since it was published"):
        run(batch_id=ended(None, requests[:1]), path=(tmp_path / "final.jsonl").as_uri(), carry_over=first)
    assert not (tmp_path / "final.jsonl").exists()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("{}/r.jsonl::x", "chains filesystems"),
        ("{}/day/../r.jsonl", "has '.' or '..' in it"),
        (f"{{}}/{'n' * 240}", "is too long"),
        ("results.jsonl", "has no scheme"),
        ("s3://c@bucket/r.jsonl?versionId=abc", "names a version of an object"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_before_the_api_is_asked(ended, sam, tmp_path, path, complaint):
    batch_id = ended()
    asked = len(sam.requests)
    with pytest.raises(SamRequestError, match=complaint):
        run(batch_id=batch_id, path=path.format(tmp_path.as_uri()), delete_after_publish=True)
    assert len(sam.requests) == asked
    assert list(tmp_path.iterdir()) == []


def test_an_id_that_leads_out_of_the_destination_touches_nothing(sam, tmp_path):
    victim = tmp_path / ".victim.jsonl.partial"
    victim.write_text("mine")
    with pytest.raises(SamRequestError, match="is not a batch id"):
        run(batch_id=["../victim", "b"], path=f"{(tmp_path / 'day').as_uri()}/")
    assert victim.read_text() == "mine"
    assert len(sam.requests) == 0


def remember(folder, batch_id, requests):
    """Leave in the register what a task leaves that has submitted these requests as this batch."""
    ids = [request["custom_id"] for request in requests]
    claim = {"owner": "o", "name": "dag.submit of run", "fingerprint": "f", "requests": len(ids)}
    (folder / "claims").mkdir(parents=True)
    (folder / "claims" / f"{batch_id}.json").write_text(json.dumps(claim | {"ids_digest": custom_ids_digest(ids)}))
    return folder.as_uri()


def task_instance(task_id):
    return SimpleNamespace(dag_id="dag", run_id="run", task_id=task_id, map_index=-1, max_tries=0)


def test_results_of_the_requests_that_were_submitted_land(ended, requests, tmp_path):
    state_path = remember(tmp_path / "state", batch_id := ended(), requests)
    path, context = (tmp_path / "r.jsonl").as_uri(), {"ti": task_instance("land")}
    _, manifest = run(batch_id=batch_id, path=path, state_path=state_path, context=context)
    assert manifest["total"]["lines"] == 5


@pytest.mark.parametrize("from_connection", [True, False])
def test_results_of_other_requests_than_were_submitted_do_not_appear(
    ended, sam, requests, tmp_path, monkeypatch, from_connection
):
    stranger = ended(None, renamed(requests))
    state_path = remember(tmp_path / "state", stranger, requests)  # it had been taken for the task's own
    arguments = {"state_path": state_path}
    if from_connection:
        extra = json.loads(sam.connection_json)
        monkeypatch.setenv("AIRFLOW_CONN_SAM_DEFAULT", json.dumps(extra | {"extra": {"state_path": state_path}}))
        arguments = {}
    held = r"is held by task dag\.submit of run for its 5 requests, but has results of others: 5, such as 'other-0'"
    with pytest.raises(SamResultsError, match=held):
        run(batch_id=stranger, path=(tmp_path / "r.jsonl").as_uri(), context={"ti": task_instance("land")}, **arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]


@pytest.mark.parametrize("record", ["no record", "a record without a digest", "a record that cannot be read"])
def test_where_nothing_is_known_of_a_submission_its_results_land(ended, tmp_path, record):
    batch_id = ended()
    claims = tmp_path / "state" / "claims"
    claims.mkdir(parents=True)
    if record != "no record":
        claim = {"owner": "o", "name": "n", "fingerprint": "f"} if "digest" in record else []
        (claims / f"{batch_id}.json").write_text(json.dumps(claim))
    _, manifest = run(
        batch_id=batch_id,
        path=(tmp_path / "r.jsonl").as_uri(),
        state_path=(tmp_path / "state").as_uri(),
        context={"ti": task_instance("land")},
    )
    assert manifest["total"]["lines"] == 5


@pytest.mark.parametrize("moment", ["flush", "commit"])
def test_a_manifest_that_cannot_be_written_hides_nothing(ended, tmp_path, monkeypatch, moment, caplog):
    stage_one = storage.stage

    def stage(path):
        staged = stage_one(path)

        def fail():
            staged.discard()
            raise OSError(errno.ENOSPC, "disk full")

        setattr(staged, moment, fail)
        return staged

    monkeypatch.setattr(storage, "stage", stage)  # what lands results has it already
    publication = Publication(batch_ids=[ended()], path=destination((tmp_path / "r.jsonl").as_uri()))
    with SamHook().client as client, pytest.raises(OSError, match="disk full"):
        publish(client, publication, log=logging.getLogger(__name__))
    if moment == "flush":
        assert list(tmp_path.iterdir()) == []
    else:
        assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]
        assert f"The results at {(tmp_path / 'r.jsonl').as_uri()} are complete" in caplog.text


def test_the_log_says_outcomes_and_tokens(ended, tmp_path, caplog):
    caplog.set_level("INFO")
    publication = Publication(batch_ids=[ended(FAILURES)], path=destination((tmp_path / "r.jsonl").as_uri()))
    with SamHook().client as client:
        used = publish(client, publication, log=logging.getLogger(__name__))["total"]["usage"]["sam-small"]
    tokens = f"sam-small {used['input_tokens']} in, {used['output_tokens']} out"
    assert f"r.jsonl: 3 succeeded, 1 errored, 1 expired; {tokens}" in caplog.text


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.parquet"])
def test_batches_are_kept_where_a_file_has_changed_since_it_was_published(ended, sam, tmp_path, name):
    arguments = {"batch_id": ended(), "path": (tmp_path / name).as_uri()}
    run(**arguments)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SamResultsError, match="SHA-256 differs"):
        run(**arguments, delete_after_publish=True)
    assert len(sam.batches) == 1


@pytest.mark.parametrize(("times", "deleted"), [(1, True), (2, True), (3, False)])
def test_a_batch_that_is_not_found_for_a_moment_is_deleted_still(ended, sam, tmp_path, monkeypatch, times, deleted):
    monkeypatch.setattr(deleting, "PAUSE", 0.0)
    batch_id = ended()
    sam.faults.add(Fault(Status(404), operation="messages_batches_delete", times=times))
    run(batch_id=batch_id, path=(tmp_path / "r.jsonl").as_uri(), delete_after_publish=True)
    assert (sam.batches == ()) is deleted


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("r.parquet", {}, "parquet"),
        ("r.jsonl.gz", {}, "jsonl"),
        ("r", {}, "jsonl"),
        ("r", {"format": "parquet"}, "parquet"),
    ],
)
def test_the_format_is_that_of_the_suffix_unless_it_says_nothing(ended, tmp_path, name, given, stored):
    _, manifest = run(batch_id=ended(), path=(tmp_path / name).as_uri(), **given)
    assert manifest["format"] == stored
    assert ((tmp_path / name).read_bytes()[:4] == b"PAR1") == (stored == "parquet")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("r.parquet", {"format": "jsonl"}),
        ("r.jsonl", {"format": "parquet"}),
        ("r.jsonl.zst", {"format": "parquet"}),
        ("r.parquet.gz", {}),
    ],
)
def test_a_suffix_that_contradicts_the_format_is_refused(ended, sam, tmp_path, name, given):
    batch_id = ended()
    asked = len(sam.requests)
    with pytest.raises(SamRequestError, match=f"path ends in '{name}'"):
        run(batch_id=batch_id, path=(tmp_path / name).as_uri(), **given)
    assert len(sam.requests) == asked
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_file_is_the_same_however_its_bytes_came(monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1000)
    body = b"".join(b'{"custom_id":"row-%d","result":{"type":"expired"}}\n' % number for number in range(200))
    files = set()
    for size in (7, 999, 1000, len(body)):
        written = bytearray()
        encoder = parquet.ParquetEncoder(written.extend)
        for start in range(0, len(body), size):
            encoder.add(body[start : start + size])
        encoder.close()
        files.add(bytes(written))
    assert len(files) == 1


def test_a_file_is_not_landed_where_a_directory_is(ended, sam, tmp_path):
    batch_id = ended()
    asked = len(sam.requests)
    with pytest.raises(SamRequestError, match="is a directory; end it with a slash"):
        run(batch_id=batch_id, path=tmp_path.as_uri())
    assert len(sam.requests) == asked

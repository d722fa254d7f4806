"""A submission is remembered on object storage or in the task state store, by one task alone, and never half."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import storage
from airflow_provider_sam.batches.store import object_store
from airflow_provider_sam.batches.store.airflow import PAUSES
from airflow_provider_sam.batches.store.record import BatchRecord, Record
from airflow_provider_sam.batches.store.store import (
    KEY,
    RETENTION,
    Claim,
    NoRegister,
    NullStore,
    ObjectRegister,
    ObjectStore,
    Submitted,
    TaskIdentity,
    TaskStateRecords,
    identity_of,
    memory_for,
    register_for,
)
from airflow_provider_sam.exceptions import SamStateError, SamStateUnavailableError

RECORD = Record(1, (BatchRecord("aaa", 5, batch_id="msgbatch_1"),), "try")
IDENTITY = TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task")
NEIGHBOURS = [
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", iteration=0),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", iteration=1),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00-00:00", "group.task"),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group_task"),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", 0),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", 1),
]


class StateStore(dict):
    """Stands for Airflow's accessor of the task state."""

    def set(self, key, value, *, retention=None):
        self[key] = value
        self.retention = retention


def asked(fingerprint):
    return Submitted(fingerprint, 5, f"ids of {fingerprint}")


def at(path, identity=IDENTITY, *, pauses=None):
    sleep = pytest.fail if pauses is None else pauses.append
    return ObjectStore(ObjectStoragePath(path.as_uri()), identity, sleep=sleep)


@pytest.fixture(params=["object", "task state"])
def memory(request, tmp_path):
    return at(tmp_path) if request.param == "object" else TaskStateRecords(StateStore(), NoRegister())


def test_what_was_saved_is_loaded(memory):
    assert memory.load() is None
    memory.save(Record(0, (), "try"))
    memory.save(RECORD)
    assert memory.load() == RECORD


def test_the_task_state_store_keeps_a_record_as_long_as_results_last():
    store = StateStore()
    TaskStateRecords(store, NoRegister()).save(RECORD)
    assert list(store) == [KEY]
    assert store.retention == RETENTION


def test_each_task_of_each_run_has_a_record_of_its_own(tmp_path):
    at(tmp_path).save(RECORD)
    assert [at(tmp_path, neighbour).load() for neighbour in NEIGHBOURS] == [None] * len(NEIGHBOURS)


def test_the_place_of_a_record_stays_where_earlier_versions_have_written_it():
    assert IDENTITY.key == "dag/manual__2026-01-01T00_00_00_00_00/group_task/-1-85f5709c2fe1.json"


@pytest.mark.parametrize(("loop", "iteration"), [({}, None), ({"loop": SimpleNamespace(index=2)}, 2)])
def test_an_iteration_of_a_loop_is_part_of_the_identity(loop, iteration):
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1)
    assert identity_of({"ti": ti} | loop).iteration == iteration


@pytest.mark.parametrize("batch_id", ["../../../evil", "/x", ""])
def test_an_id_that_could_lead_elsewhere_becomes_no_file(tmp_path, batch_id):
    with pytest.raises(SamRequestError, match="not a batch id"):
        at(tmp_path / "state").claim(batch_id, asked("aaa"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[" * 100_000, b'{"version": 1, "round": ' + b"9" * 6000],
    ids=["empty", "torn", "deep", "long"],
)
def test_an_object_that_cannot_be_read_is_an_error(tmp_path, data):
    memory = at(tmp_path)
    memory.save(RECORD)
    (tmp_path / IDENTITY.key).write_bytes(data)
    with pytest.raises(SamStateError, match=IDENTITY.key):
        memory.load()


def test_a_storage_that_cannot_be_reached_is_an_error_and_not_an_empty_memory(tmp_path):
    (tmp_path / IDENTITY.key).mkdir(parents=True)
    pauses = []
    with pytest.raises(SamStateUnavailableError, match=rf"{IDENTITY.key} could not be read: IsADirectoryError"):
        at(tmp_path, pauses=pauses).load()
    assert pauses == [*PAUSES]


INTENDED = Record(1, (BatchRecord("aaa", 5, intended=True),), "try")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (INTENDED, RECORD, "Batch msgbatch_1 exists, and only the intent to create it is remembered"),
        (RECORD, RECORD, "What was known before is remembered (msgbatch_1); the next try goes on from there"),
    ],
)
def test_an_outage_while_a_record_is_written_says_what_is_remembered(tmp_path, monkeypatch, before, after, said):
    memory, pauses = at(tmp_path, pauses=[]), []
    memory._sleep = pauses.append
    memory.save(before)

    def away(*_):
        raise ConnectionError("the storage is away")

    monkeypatch.setattr(object_store, "write_whole", away)
    with pytest.raises(SamStateUnavailableError) as caught:
        memory.save(after)
    assert said in str(caught.value)
    assert "could not be written: ConnectionError: the storage is away" in str(caught.value)
    assert pauses == [*PAUSES]
    assert at(tmp_path).load() == before


@pytest.mark.parametrize(("saved", "said"), [(RECORD, "is remembered as this task's"), (INTENDED, "was not taken")])
def test_an_outage_of_the_register_says_whether_the_batch_is_remembered(tmp_path, monkeypatch, saved, said):
    memory = at(tmp_path, pauses=[])
    memory.save(saved)

    def away(*_):
        raise ConnectionError("the storage is away")

    monkeypatch.setattr(object_store, "create_whole", away)
    with pytest.raises(SamStateUnavailableError, match=f"Batch msgbatch_1 {said}"):
        memory.claim("msgbatch_1", asked("aaa"))


def test_what_is_forbidden_is_not_tried_again(tmp_path, monkeypatch):
    def forbidden(_path):
        raise PermissionError("not yours")

    monkeypatch.setattr(object_store, "read_object", forbidden)
    with pytest.raises(SamStateUnavailableError, match="could not be read: PermissionError: not yours"):
        at(tmp_path).load()


def test_a_storage_that_comes_back_in_between_is_no_error(tmp_path, monkeypatch):
    at(tmp_path).save(RECORD)
    read, outages = object_store.read_object, iter([ConnectionError(), TimeoutError()])

    def flaky(path):
        if problem := next(outages, None):
            raise problem
        return read(path)

    monkeypatch.setattr(object_store, "read_object", flaky)
    assert at(tmp_path, pauses=[]).load() == RECORD


@pytest.mark.parametrize("local_protocols", [storage.LOCAL_PROTOCOLS, frozenset()], ids=["local", "as on any store"])
def test_the_first_to_claim_a_batch_holds_it(tmp_path, monkeypatch, local_protocols):
    monkeypatch.setattr(storage, "LOCAL_PROTOCOLS", local_protocols)
    (tmp_path / "claims").mkdir()
    first, second = at(tmp_path), at(tmp_path, NEIGHBOURS[0])
    assert first.claim("msgbatch_1", asked("aaa")) is None
    assert second.holder("msgbatch_1").name == "dag.group.task of manual__2026-01-01T00:00:00+00:00"
    assert second.claim("msgbatch_1", asked("bbb")).fingerprint == "aaa"
    assert first.claim("msgbatch_1", asked("aaa")) is None
    assert first.holder("msgbatch_1") is None
    assert second.claim("msgbatch_2", asked("bbb")) is None


def test_the_register_says_to_anybody_who_holds_a_batch_and_what_was_submitted_as_it(tmp_path):
    at(tmp_path).claim("msgbatch_1", asked("aaa"))
    register = register_for({"ti": TI}, tmp_path.as_uri(), log=Log())
    assert register.find("msgbatch_1") == Claim(IDENTITY.key, IDENTITY.name, "aaa", 5, "ids of aaa")
    assert isinstance(register, ObjectRegister)
    assert register.find("msgbatch_2") is None


def test_a_claim_of_an_earlier_version_is_read(tmp_path):
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "msgbatch_1.json").write_text('{"owner": "o", "name": "n", "fingerprint": "f"}')
    assert at(tmp_path).holder("msgbatch_1") == Claim("o", "n", "f", 0, "")


def test_a_claim_that_cannot_be_read_is_an_error(tmp_path):
    memory = at(tmp_path)
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "msgbatch_1.json").touch()
    with pytest.raises(SamStateError, match=r"claims/msgbatch_1\.json"):
        memory.claim("msgbatch_1", asked("aaa"))


def test_a_claim_leaves_nothing_else_behind(tmp_path):
    at(tmp_path).claim("msgbatch_1", asked("aaa"))
    at(tmp_path, NEIGHBOURS[0]).claim("msgbatch_1", asked("bbb"))
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["msgbatch_1.json"]


class Log(list):
    def warning(self, message, *args):
        self.append(message % args)

    info = warning


TI = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1)


@pytest.mark.parametrize(
    ("state_path", "store", "kind", "warnings"),
    [
        ("file:///state", StateStore(), ObjectStore, 0),
        ("file:///state", None, ObjectStore, 0),
        (None, StateStore(), TaskStateRecords, 0),
        ("", StateStore(), TaskStateRecords, 0),
        (None, None, NullStore, 1),
    ],
)
def test_a_state_path_comes_before_the_task_state_store_and_neither_is_worth_a_warning(
    state_path, store, kind, warnings
):
    context = {"ti": TI} if store is None else {"ti": TI, "task_state_store": store}
    log = Log()
    assert type(memory_for(context, state_path, log=log)) is kind
    assert len(log) == warnings

"""A submission is remembered on object storage or in the task state store, by one task alone, and never half."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_sam._compat import ObjectStoragePath
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches import state
from airflow_provider_sam.batches.record import BatchRecord, Record
from airflow_provider_sam.batches.state import (
    KEY,
    RETENTION,
    Claim,
    NoMemory,
    ObjectMemory,
    Submitted,
    TaskIdentity,
    TaskStateMemory,
    identity_of,
    memory_for,
    register_for,
)
from airflow_provider_sam.exceptions import SamStateError

RECORD = Record(1, (BatchRecord("aaa", 5, batch_id="msgbatch_1"),), "try")
IDENTITY = TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task")
NEIGHBOURS = [
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", region=("loop", 0)),
    TaskIdentity("dag", "manual__2026-01-01T00:00:00+00:00", "group.task", region=("loop", 1)),
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


def at(path, identity=IDENTITY):
    return ObjectMemory(ObjectStoragePath(path.as_uri()), identity)


@pytest.fixture(params=["object", "task state"])
def memory(request, tmp_path):
    return at(tmp_path) if request.param == "object" else TaskStateMemory(StateStore(), NoMemory())


def test_what_was_saved_is_loaded(memory):
    assert memory.load() is None
    memory.save(Record(0, (), "try"))
    memory.save(RECORD)
    assert memory.load() == RECORD


def test_the_task_state_store_keeps_a_record_as_long_as_results_last():
    store = StateStore()
    TaskStateMemory(store, NoMemory()).save(RECORD)
    assert list(store) == [KEY]
    assert store.retention == RETENTION


def test_each_task_of_each_run_has_a_record_of_its_own(tmp_path):
    at(tmp_path).save(RECORD)
    assert [at(tmp_path, neighbour).load() for neighbour in NEIGHBOURS] == [None] * len(NEIGHBOURS)


def test_the_place_of_a_record_stays_where_earlier_versions_have_written_it():
    assert IDENTITY.key == "dag/manual__2026-01-01T00_00_00_00_00/group_task/-1-85f5709c2fe1.json"


@pytest.mark.parametrize(
    ("region", "known"),
    [({}, None), ({"region_id": None, "region_index": None}, None), ({"region_id": "a", "region_index": 2}, ("a", 2))],
)
def test_an_iteration_of_a_loop_is_part_of_the_identity(region, known):
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="task", map_index=-1, **region)
    assert identity_of({"ti": ti}).region == known


@pytest.mark.parametrize("batch_id", ["../../../evil", "/x", ""])
def test_an_id_that_could_lead_elsewhere_becomes_no_file(tmp_path, batch_id):
    with pytest.raises(SamRequestError, match="no id of a batch"):
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
    with pytest.raises(IsADirectoryError):
        at(tmp_path).load()


@pytest.mark.parametrize("local_protocols", [state.LOCAL_PROTOCOLS, frozenset()], ids=["local", "as on any store"])
def test_the_first_to_claim_a_batch_holds_it(tmp_path, monkeypatch, local_protocols):
    monkeypatch.setattr(state, "LOCAL_PROTOCOLS", local_protocols)
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
    assert at(tmp_path).find("msgbatch_1").owner == IDENTITY.key
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
        ("file:///state", StateStore(), ObjectMemory, 0),
        ("file:///state", None, ObjectMemory, 0),
        (None, StateStore(), TaskStateMemory, 0),
        ("", StateStore(), TaskStateMemory, 0),
        (None, None, NoMemory, 1),
    ],
)
def test_a_state_path_comes_before_the_task_state_store_and_neither_is_worth_a_warning(
    state_path, store, kind, warnings
):
    context = {"ti": TI} if store is None else {"ti": TI, "task_state_store": store}
    log = Log()
    assert type(memory_for(context, state_path, log=log)) is kind
    assert len(log) == warnings

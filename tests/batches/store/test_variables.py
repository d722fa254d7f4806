"""Airflow's variables remember a submission and who holds which batch, and never take a failure for "nothing"."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from airflow_provider_sam._compat import AirflowException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.store import variables as variables_module
from airflow_provider_sam.batches.store.airflow import attempt, retry_hint
from airflow_provider_sam.batches.store.record import BatchRecord, Record
from airflow_provider_sam.batches.store.store import Claim, Submitted, TaskIdentity
from airflow_provider_sam.batches.store.variable_index import (
    DELETES,
    KEPT_DAYS,
    KEPT_RUNS,
    LEAST_DAYS,
    Entry,
    VariableIndex,
    outdated,
)
from airflow_provider_sam.batches.store.variable_store import SETTLING, VariableRegister, VariableStore
from airflow_provider_sam.batches.store.variables import AirflowVariables
from airflow_provider_sam.exceptions import SamStateError, SamStateUnavailableError
from tests.batches.submission_lab import Log, VariableRows

TODAY = date(2026, 1, 31)
ASKED = Submitted("aaa", 5, "ids")
UNDECIDED = Record(0, (BatchRecord("aaa", 5),), "try")
INTENDED = Record(0, (BatchRecord("aaa", 5, intended=True),), "try")
KNOWN = Record(0, (BatchRecord("aaa", 5, batch_id="msgbatch_1"),), "try")


class Task:
    """One task of one run, with its memory."""

    def __init__(self, rows, run="run", map_index=-1, *, today=TODAY, sleep=None) -> None:
        identity = TaskIdentity("dag", run, "task", map_index)
        self.log = Log()
        self.pauses = []
        index = VariableIndex(rows, identity, log=self.log, today=lambda: today)
        self.register = VariableRegister(rows, identity, index, sleep=sleep or self.pauses.append)
        self.memory = VariableStore(rows, identity, index, self.register)


@pytest.fixture
def rows():
    return VariableRows()


# --- a submission -----------------------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded_by_the_next_try_and_by_no_other_task(rows):
    memory = Task(rows).memory
    assert memory.load() is None
    memory.save(UNDECIDED)
    memory.save(KNOWN)
    assert Task(rows).memory.load() == KNOWN
    assert [Task(rows, run, index).memory.load() for run, index in (("other", -1), ("run", 0))] == [None, None]


def test_a_record_that_cannot_be_read_is_an_error(rows):
    memory = Task(rows).memory
    memory.save(KNOWN)
    (key,) = (key for key in rows if key.startswith("sam_submission."))
    for text in ("", "{", "[" * 100_000, '{"version": 1, "round": ' + "9" * 6000 + "}"):
        rows[key] = text
        with pytest.raises(SamStateError, match=key):
            memory.load()


def test_nothing_is_remembered_only_if_variables_can_be_written_and_read_at_that_time(rows):
    Task(rows).memory.save(KNOWN)

    class Forgetful(VariableRows):
        """Answers "not there" while its database is away, as the API server does."""

        def read(self, key):  # noqa: ARG002
            return None

        def write(self, key, value, description):  # noqa: ARG002
            raise SamStateUnavailableError("the database is away")

    with pytest.raises(SamStateUnavailableError, match="the database is away"):
        Task(Forgetful(rows)).memory.load()


def test_no_key_says_what_airflow_hides(rows):
    task = Task(rows, "secret token password")
    task.memory.save(KNOWN)
    task.memory.claim("msgbatch_1", ASKED)
    assert sorted(key.partition(".")[0] for key in rows) == ["sam_batch", "sam_index", "sam_submission"]
    assert not any(word in key for key in rows for word in ("secret", "token", "password"))


# --- the register -----------------------------------------------------------------------------------------------------


def test_the_first_to_claim_a_batch_holds_it_and_all_see_it(rows):
    first, second = Task(rows, "first").memory, Task(rows, "second").memory
    assert first.claim("msgbatch_1", ASKED) is None
    assert first.claim("msgbatch_1", ASKED) is None
    assert first.holder("msgbatch_1") is None
    assert second.holder("msgbatch_1").name == "dag.task of first"
    assert second.claim("msgbatch_1", Submitted("bbb", 1, "")).fingerprint == "aaa"
    assert Task(rows, "first").register.find("msgbatch_1") == second.holder("msgbatch_1")
    assert second.holder("msgbatch_2") is None


def test_only_a_first_claim_waits_for_others_to_settle(rows):
    task = Task(rows)
    for _ in range(3):
        task.memory.claim("msgbatch_1", ASKED)
    assert len(task.pauses) == 1
    assert task.pauses[0] >= SETTLING


def test_a_claim_is_completed_when_more_is_known_of_what_was_submitted(rows):
    task = Task(rows)
    task.memory.claim("msgbatch_1", Submitted("aaa", 0, ""))
    task.memory.claim("msgbatch_1", ASKED)
    assert task.register.find("msgbatch_1") == Claim(task.memory._identity.key, "dag.task of run", "aaa", 5, "ids")


@pytest.mark.parametrize("last", ["first", "second"])
def test_of_two_that_claim_at_the_same_time_the_last_to_write_holds_the_batch(rows, last):
    """Both have found nothing; while one lets its claim settle, the other writes."""
    second = Task(rows, "second")

    def meanwhile(_seconds):
        rows["sam_batch.msgbatch_1"] = json.dumps(
            {"owner": second.memory._identity.key, "name": "2", "fingerprint": "b"}
        )

    first = Task(rows, "first", sleep=meanwhile if last == "second" else None)
    taken = first.memory.claim("msgbatch_1", ASKED)
    assert (taken is None) == (last == "first")
    assert (second.memory.holder("msgbatch_1") is None) == (last == "second")


@pytest.mark.parametrize("batch_id", ["", "../x", "a/b", "a" * 129, "ä"])
def test_an_id_that_could_lead_elsewhere_becomes_no_key(rows, batch_id):
    with pytest.raises(SamRequestError, match="not a batch id"):
        Task(rows).memory.claim(batch_id, ASKED)
    assert not rows


# --- what is left behind ----------------------------------------------------------------------------------------------


def entry(age, run="run"):
    return Entry(run, TODAY - timedelta(days=age), ("key",))


@pytest.mark.parametrize(
    ("ages", "gone"),
    [
        ([0, KEPT_DAYS], []),
        ([0, KEPT_DAYS + 1], [KEPT_DAYS + 1]),
        ([LEAST_DAYS] * (KEPT_RUNS + 1), []),
        ([*[LEAST_DAYS] * KEPT_RUNS, LEAST_DAYS + 1], [LEAST_DAYS + 1]),
        ([*[0] * KEPT_RUNS, 8, 40, 9], [40, 9, 8]),
        ([], []),
    ],
)
def test_what_is_old_goes_and_what_may_be_needed_stays(ages, gone):
    assert [(TODAY - each.on).days for each in outdated([entry(age) for age in ages], TODAY)] == gone


@pytest.mark.parametrize(
    ("runs_a_day", "runs", "mapped", "most"),
    [(1, 100, 20, KEPT_DAYS + 1), (24, 300, 2, 24 * (LEAST_DAYS + 1))],
    ids=["daily, twenty mapped tasks", "hourly"],
)
def test_many_runs_leave_what_is_kept_and_no_more(rows, runs_a_day, runs, mapped, most):
    for run in range(runs):
        today = TODAY + timedelta(days=run // runs_a_day)
        for number in range(mapped):
            memory = Task(rows, f"run-{run}", number, today=today).memory
            memory.load()
            memory.save(KNOWN)
            memory.claim(f"msgbatch_{run}_{number}", ASKED)
    assert len(rows) <= mapped * (1 + 2 * most)
    assert Task(rows, f"run-{runs - 1}", 0, today=today).memory.load() == KNOWN
    assert Task(rows, "run-0", 0, today=today).memory.load() is None


def test_an_update_deletes_a_few_only_and_more_than_it_adds(rows):
    old = Task(rows, "old", today=TODAY - timedelta(days=KEPT_DAYS + 1)).memory
    for number in range(30):
        old.claim(f"msgbatch_{number}", ASKED)
    before = len(rows)
    Task(rows, "new").memory.claim("msgbatch_new", ASKED)
    assert len(rows) == before + 1 - DELETES


def test_an_index_that_another_run_has_overwritten_is_completed():
    class Contended(VariableRows):
        """Another run writes an index of its own right after the first of ours."""

        writes = 0

        def write(self, key, value, description):
            super().write(key, value, description)
            if key.startswith("sam_index."):
                self.writes += 1
                if self.writes == 1:
                    self[key] = json.dumps([{"run": "another", "on": TODAY.isoformat(), "keys": ["theirs"]}])

    contended = Contended()
    Task(contended).memory.save(KNOWN)
    (index,) = (json.loads(text) for key, text in contended.items() if key.startswith("sam_index."))
    assert [len(each["keys"]) for each in index] == [1, 1]


def test_an_index_that_cannot_be_read_is_begun_anew_and_loses_no_submission(rows):
    Task(rows).memory.save(KNOWN)
    (key,) = (key for key in rows if key.startswith("sam_index."))
    rows[key] = "torn"
    task = Task(rows)
    assert task.memory.load() == KNOWN
    task.memory.save(KNOWN)
    assert "Starting over with variable sam_index" in task.log[0]


# --- Airflow out of reach ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, UNDECIDED, "Nothing was sent; the next try goes on from there."),
        (UNDECIDED, INTENDED, "Nothing was sent; the next try goes on from there."),
        (INTENDED, KNOWN, "Batch msgbatch_1 exists, and only the intent to create it is remembered: the next try"),
        (KNOWN, KNOWN, "What was known before is remembered (msgbatch_1); the next try goes on from there."),
    ],
)
def test_an_error_says_what_is_remembered_and_what_the_next_try_does(rows, before, after, said):
    assert retry_hint(before, after).startswith(said)

    memory = Task(rows).memory
    if before is not None:
        memory.save(before)
    rows.write = refuse
    with pytest.raises(SamStateUnavailableError) as caught:
        memory.save(after)
    assert said in str(caught.value)


def refuse(*_):
    raise SamStateUnavailableError("away")


@pytest.mark.parametrize(("saved", "said"), [(KNOWN, "is remembered as this task's"), (INTENDED, "was not taken")])
def test_a_batch_that_cannot_be_entered_in_the_register_is_remembered_all_the_same(rows, saved, said):
    memory = Task(rows).memory
    memory.save(saved)
    rows.read = refuse
    with pytest.raises(SamStateUnavailableError, match=said):
        memory.claim("msgbatch_1", ASKED)


def test_what_fails_is_tried_again_after_a_pause_and_then_reported_in_few_words():
    pauses, answers = [], iter([OSError("x"), AirflowException("y")])

    def action():
        raise next(answers, AirflowException("API_SERVER_ERROR\n" + "<html>" * 1000))

    with pytest.raises(SamStateUnavailableError, match="it could not be read: AirflowException: API_SERVER") as caught:
        attempt("it could not be read", action, sleep=pauses.append)
    assert len(str(caught.value)) < 500
    assert pauses == [1.0, 4.0]
    assert attempt("it", iter("a").__next__, sleep=pauses.append) == "a"


class Compat:
    """Stands for what Airflow does with variables."""

    def __init__(self, *, loses=False) -> None:
        self.rows, self._loses = {}, loses

    def read_variable(self, key):
        return self.rows.get(key)

    def write_variable(self, key, value, description):  # noqa: ARG002
        if not self._loses:
            self.rows[key] = value

    def delete_variable(self, key):
        self.rows.pop(key)


def test_a_write_that_airflow_loses_without_a_word_is_an_error(monkeypatch):
    monkeypatch.setattr(variables_module, "airflow_variables", Compat(loses=True))
    with pytest.raises(SamStateUnavailableError, match=r"'sam_x' could not be written.*read back is not"):
        AirflowVariables(sleep=lambda _: None).write("sam_x", "1", "words")


def test_threads_speak_to_airflow_one_after_the_other(monkeypatch):
    class Busy(Compat):
        """Stands for the Airflow inside of `dags test`, which hears one thread at a time."""

        channel = threading.Lock()

        def read_variable(self, key):
            assert self.channel.acquire(blocking=False)
            time.sleep(0.001)  # long enough for another thread to come
            self.channel.release()
            return key

    monkeypatch.setattr(variables_module, "airflow_variables", Busy())
    variables = AirflowVariables(sleep=lambda _: pytest.fail("one came while another spoke"))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(variables.read, "abcd" * 10)) == list("abcd" * 10)


def test_a_value_that_no_database_takes_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(variables_module, "airflow_variables", Compat())
    with pytest.raises(SamStateUnavailableError, match="more than 4,000,000: set state_path"):
        AirflowVariables().write("sam_x", "x" * 4_000_001, "words")

"""A second round sends just what failed in the first for no reason of its own, and one file holds both."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sam._compat import AirflowSkipException
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.emulator import Drop, Fault, OnDemand
from airflow_provider_sam.exceptions import SamBudgetError, SamResultsError
from airflow_provider_sam.results import iter_published
from airflow_provider_sam.transfers.batch_to_object_storage import SamBatchToObjectStorageOperator
from airflow_provider_sam.transfers.object_storage_to_batch import ObjectStorageToSamBatchOperator

CREATE = "messages_batches_create"
DEFAULTS = {"model": "sam-small", "max_tokens": 20}
INVALID = {"type": "invalid_request_error", "message": "No."}
PROMPTS = [f"Prompt {number}" for number in range(1, 7)]
FAILURES = {2: "errored", 3: INVALID, 4: "expired", 6: "canceled"}
WORTH_ANOTHER_TRY = [2, 4, 6]


@pytest.fixture
def sam(sam):
    """The emulator, where a batch ends when a test says so."""
    sam.progress = OnDemand()
    return sam


def write(path, lines):
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return path.as_uri()


def submit(folder, *, task_id="again", name="in.jsonl", **arguments):
    """Submit the folder's input as a task would; gives the ids of the batches."""
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id=task_id, map_index=-1, max_tries=0)
    arguments = {"defaults": DEFAULTS, "state_path": (folder / "state").as_uri(), **arguments}
    operator = ObjectStorageToSamBatchOperator(
        task_id=task_id, path=(folder / name).as_uri(), visibility_timeout=0.01, **arguments
    )
    return operator.execute({"ti": ti})


def land(folder, name, batch_id, **arguments):
    path = f"{folder.as_uri()}/{name}"
    return SamBatchToObjectStorageOperator(task_id="land", batch_id=batch_id, path=path, **arguments).execute({})


@pytest.fixture
def first(sam, tmp_path):
    """The manifest of a first round with failures of all kinds."""
    write(tmp_path / "in.jsonl", PROMPTS)
    return first_round(sam, tmp_path, FAILURES)


def first_round(sam, folder, outcomes, answers=None):
    """Run a first round, whose outcomes and answers are given by the places of the requests."""
    ids = submit(folder, task_id="first")
    names = {place_of(name): name for batch_id in ids for name, _ in sam.batch_requests(batch_id)}
    sam.answers = {names[place]: answer for place, answer in (answers or {}).items()}
    for batch_id in ids:
        sam.end_batch(batch_id, {names[place]: outcome for place, outcome in outcomes.items()})
    return land(folder, "round-1/", ids)


def place_of(custom_id):
    """Return the place that ends a generated custom_id."""
    return int(custom_id.rpartition("-")[2])


def names_of(sam):
    """Return the custom_ids of the first batch, by the places of their requests."""
    return {place_of(name): name for name, _ in sam.batch_requests(sam.batches[0].id)}


def sent(sam, batch_id):
    return [(custom_id, params["messages"][0]["content"]) for custom_id, params in sam.batch_requests(batch_id)]


@pytest.mark.parametrize("given_as", ["what the task returned", "its path", "the path of what it describes"])
def test_what_is_worth_another_try_is_sent_again_under_its_own_name(sam, first, tmp_path, given_as):
    places = {
        "what the task returned": first,
        "its path": (tmp_path / "round-1.manifest.json").as_uri(),
        "the path of what it describes": (tmp_path / "round-1").as_uri(),
    }
    (batch_id,) = submit(tmp_path, only_failed_of=places[given_as])
    names = names_of(sam)
    assert sent(sam, batch_id) == [(names[number], f"Prompt {number}") for number in WORTH_ANOTHER_TRY]
    assert len(sam.batches) == 2


def test_answers_that_stopped_too_early_are_sent_again_where_they_count_as_failed(sam, tmp_path):
    write(tmp_path / "in.jsonl", PROMPTS)
    first = first_round(sam, tmp_path, {1: "expired"}, {5: {"stop_reason": "max_tokens"}})
    (batch_id,) = submit(tmp_path, only_failed_of=first, treat_stop_reasons_as_failed=["max_tokens"])
    assert [place_of(custom_id) for custom_id, _ in sent(sam, batch_id)] == [1, 5]


@pytest.mark.parametrize("outcomes", [{}, {3: INVALID}], ids=["none failed", "none is worth another try"])
def test_the_task_is_skipped_when_there_is_nothing_to_send_again(sam, tmp_path, outcomes):
    write(tmp_path / "in.jsonl", PROMPTS)
    first = first_round(sam, tmp_path, outcomes)
    with pytest.raises(AirflowSkipException, match="None of 6 requests failed for a reason worth retrying"):
        submit(tmp_path, only_failed_of=first)
    assert sam.count(CREATE) == 1


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_no_manifest_where_one_was_meant_to_come_never_means_all(sam, first, tmp_path, nothing):  # noqa: ARG001
    operator = ObjectStorageToSamBatchOperator(task_id="again", path=(tmp_path / "in.jsonl").as_uri(), only_failed_of=1)
    operator.only_failed_of = nothing  # as Airflow puts in place what came from upstream
    with pytest.raises(SamRequestError, match=f"only_failed_of must be a manifest or the path of one, got {nothing!r}"):
        operator.execute({})
    assert sam.count(CREATE) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda lines: lines[:3],
            "2 of the 3 requests to send again are not in the input, such as '[0-9a-f]{12}-4', '[0-9a-f]{12}-6'",
        ),
        (lambda lines: [{"custom_id": f"row-{line}", "params": {}} for line in range(len(lines))], "3 .*messages"),
        (lambda lines: [], "3 of the 3 requests to send again are not in the input"),  # noqa: ARG005
    ],
    ids=["shorter", "invalid", "empty"],
)
def test_another_input_than_the_first_is_refused(sam, first, tmp_path, change, said):
    write(tmp_path / "in.jsonl", change(PROMPTS))
    with pytest.raises(SamRequestError, match=said):
        submit(tmp_path, only_failed_of=first)
    assert sam.count(CREATE) == 1


def test_a_publication_that_has_changed_is_refused(sam, first, tmp_path):
    (file,) = (tmp_path / "round-1").iterdir()
    file.write_bytes(file.read_bytes().replace(b"No.", b"Yes"))
    with pytest.raises(SamResultsError, match="has changed since it was published"):
        submit(tmp_path, only_failed_of=first)
    assert sam.count(CREATE) == 1


def test_a_lone_stop_reason_is_refused(first, tmp_path):
    with pytest.raises(SamRequestError, match="must be a list, got 'max_tokens'"):
        submit(tmp_path, only_failed_of=first, treat_stop_reasons_as_failed="max_tokens")


def test_a_second_round_is_submitted_once_too_and_another_set_is_another_submission(sam, first, tmp_path):
    sam.faults.add(Fault(Drop(accepted=True), operation=CREATE))
    with pytest.raises(TaskDeferred):
        submit(tmp_path, only_failed_of=first)
    ids = [sam.batches[1].id]
    sam.end_batch(ids[0], {names_of(sam)[4]: "expired"})
    for _ in range(2):
        assert submit(tmp_path, only_failed_of=first) == ids
    assert len(sam.batches) == 2
    fewer = land(tmp_path, "fewer.jsonl", ids)
    (other,) = submit(tmp_path, only_failed_of=fewer)
    assert [custom_id for custom_id, _ in sent(sam, other)] == [names_of(sam)[4]]
    assert len(sam.batches) == 3


def test_the_gates_look_at_what_is_sent(sam, first, tmp_path):
    with pytest.raises(SamBudgetError, match="3 requests, but max_requests is 2"):
        submit(tmp_path, only_failed_of=first, max_requests=2)
    submit(tmp_path, only_failed_of=first, max_requests=3, max_input_tokens=1000)
    assert sam.count("messages_count_tokens") == len(WORTH_ANOTHER_TRY)


def test_a_second_round_follows_the_landing_of_the_first():
    with DAG("rounds", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
        landing = SamBatchToObjectStorageOperator(task_id="landing", batch_id="a", path="/results/")
        again = ObjectStorageToSamBatchOperator(task_id="again", path="/in.jsonl", only_failed_of=landing.output)
        partial = ObjectStorageToSamBatchOperator.partial(task_id="each", only_failed_of=landing.output)
        mapped = partial.expand(path=["/a.jsonl", "/b.jsonl"])
    assert again.upstream_task_ids == mapped.upstream_task_ids == {"landing"}


OUTCOMES = st.sampled_from(["succeeded", "errored", "canceled", "expired", "invalid"])
ERRORS = {"invalid": INVALID}


def test_any_outcomes_in_any_order_end_with_each_custom_id_once_after_two_more_rounds(sam, tmp_path_factory):
    @settings(max_examples=15, deadline=None)
    @given(named=st.lists(st.booleans(), min_size=1, max_size=8), data=st.data())
    def rounds(named, data):
        sam.reset()
        folder = tmp_path_factory.mktemp("rounds")
        order = data.draw(st.permutations(range(len(named))))
        lines = [
            {"custom_id": f"row-{row}", "params": {"messages": [{"role": "user", "content": f"Row {row}"}]}}
            if named[row]
            else f"Row {row}"
            for row in order
        ]
        write(folder / "in.jsonl", lines)
        expected = {}

        def end(ids, names):
            drawn = {name: data.draw(OUTCOMES) for name in sorted(names)}
            expected.update({name: outcome.replace("invalid", "errored") for name, outcome in drawn.items()})
            for batch_id in ids:
                sam.end_batch(
                    batch_id, {n: INVALID if outcome == "invalid" else outcome for n, outcome in drawn.items()}
                )
            return {name for name, outcome in drawn.items() if outcome not in {"succeeded", "invalid"}}

        ids = submit(folder, task_id="first")
        found = [request for batch_id in ids for request in sent(sam, batch_id)]
        name_of = {int(prompt.removeprefix("Row ")): name for name, prompt in found}
        assert sorted(name_of) == sorted(order)
        assert all(name_of[row] == f"row-{row}" for row in order if named[row])
        assert all(place_of(name_of[row]) == place for place, row in enumerate(order, 1) if not named[row])
        failed = end(ids, name_of.values())
        manifest = land(folder, "round-0/", ids)
        for number in (1, 2):
            if not failed:
                with pytest.raises(AirflowSkipException):
                    submit(folder, task_id=f"again-{number}", only_failed_of=manifest)
                break
            ids = submit(folder, task_id=f"again-{number}", only_failed_of=manifest)
            again = dict(request for batch_id in ids for request in sent(sam, batch_id))
            assert again == {name_of[row]: f"Row {row}" for row in order if name_of[row] in failed}
            failed = end(ids, again)
            manifest = land(folder, f"round-{number}.jsonl", ids, carry_over=manifest)
        results = [(row.custom_id, row.result.type) for row in iter_published(manifest)]
        assert sorted(results) == sorted(expected.items())

    rounds()

"""What is in sight of a watcher, how far down the list it looks, and what is news to it: each decision as a table."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sam.api.statuses import BatchStatus, StatusCounts
from airflow_provider_sam.batches.wait import ended as module
from airflow_provider_sam.batches.wait.ended import KEPT, LATE, LOOK_BACK, BatchTracker, SeenBatches, list_down_to

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
COUNTS = {"processing": 0, "succeeded": 3, "errored": 1, "canceled": 0, "expired": 1}


def hours(number):
    return timedelta(hours=number)


def batch(name, *, created=-1.0, ended=None, status=None, succeeded=3):
    """Make a batch as the API lists it; times are hours from noon."""
    return BatchStatus(
        id=name,
        processing_status=status or ("in_progress" if ended is None else "ended"),
        request_counts=StatusCounts(**COUNTS | {"succeeded": succeeded}),
        created_at=NOON + hours(created),
        expires_at=NOON + hours(created + 24),
        ended_at=None if ended is None else NOON + hours(ended),
    )


def tracker_of(*batches):
    tracker = BatchTracker()
    for each in batches:
        tracker.update(each)
    return tracker


def snapshot(*batches, now=NOON):
    return tracker_of(*batches).snapshot(now)


def ids(batches):
    return [each.id for each in batches]


@pytest.mark.parametrize(
    ("newest", "going_on", "down_to"),
    [
        (None, [], NOON - LOOK_BACK),
        (NOON, [], NOON - LATE),
        (NOON, [NOON - hours(20), NOON - hours(3)], NOON - hours(20)),
        (NOON, [NOON - timedelta(minutes=1)], NOON - LATE),
        (NOON - hours(60), [], NOON - LOOK_BACK),
        (NOON, [NOON - hours(60)], NOON - LOOK_BACK),
    ],
    ids=[
        "nothing was seen yet",
        "all have ended",
        "the oldest that goes on",
        "a new one may show below one that goes on",
        "the newest is out of sight",
        "one that never ends",
    ],
)
def test_a_look_goes_as_far_down_the_list_as_anything_can_change(newest, going_on, down_to):
    assert list_down_to(NOON, newest=newest, going_on=going_on) == down_to


def test_what_ended_is_given_in_the_order_of_its_end():
    looked = snapshot(batch("b", ended=-0.1), batch("going-on"), batch("c", ended=0.0), batch("a", ended=-0.5))
    assert ids(looked) == ["a", "b", "c"]


def test_a_batch_is_told_of_by_its_id_its_counts_and_its_times_as_json_scalars():
    (looked,) = snapshot(batch("a", created=-2, ended=-0.5))
    assert looked.dump() == {
        "id": "a",
        "processing_status": "ended",
        **COUNTS,
        "cancel_initiated": False,
        "created_at": "2026-01-10T10:00:00+00:00",
        "ended_at": "2026-01-10T11:30:00+00:00",
    }
    assert json.loads(json.dumps(looked.dump())) == looked.dump()


def test_a_batch_without_the_time_of_its_end_goes_on():
    assert snapshot(batch("a", status="ended")) == ()


def test_a_batch_that_has_ended_stays_so_when_a_server_lags_behind():
    tracker = tracker_of(batch("a", created=-20, ended=-0.5), batch("a", created=-20))
    assert ids(tracker.snapshot(NOON)) == ["a"]
    assert tracker.down_to(NOON) == NOON - hours(20) - LATE, "nothing goes on"


def test_a_batch_that_goes_on_is_followed_though_a_look_does_not_show_it():
    tracker = tracker_of(batch("long", created=-20), batch("new", created=0))
    tracker.snapshot(NOON)
    tracker.update(batch("new", created=0))
    tracker.snapshot(NOON)
    assert tracker.down_to(NOON) == NOON - hours(20)


def test_what_is_out_of_sight_is_forgotten():
    tracker = tracker_of(batch("old", created=-49, ended=-1), batch("endless", created=-49), batch("a", ended=-1))
    assert ids(tracker.snapshot(NOON)) == ["a"]
    assert tracker.down_to(NOON) == NOON - hours(1) - LATE


def test_no_more_than_so_many_batches_are_in_sight(monkeypatch):
    monkeypatch.setattr(module, "BOUND", 3)
    tracker = tracker_of(*(batch(f"on-{age}", created=-age) for age in range(20)))
    for age in range(20):
        tracker.update(batch(f"ended-{age}", ended=-age))
        assert len(tracker._ended) <= 6 >= len(tracker._going_on), "within a look too, however many pages it is"
    assert ids(tracker.snapshot(NOON)) == ["ended-2", "ended-1", "ended-0"]
    assert tracker.down_to(NOON) == NOON - hours(2)


@pytest.mark.parametrize(
    ("told", "news"),
    [
        (SeenBatches(), ["a", "b", "c"]),
        (SeenBatches(ids=frozenset({"a", "c"})), ["b"]),
        (SeenBatches(until=NOON - hours(2)), ["c"]),
        (SeenBatches(ids=frozenset({"c"}), until=NOON - hours(2.5)), ["b"]),
    ],
    ids=["nothing told", "by id", "by time, that moment included", "by either"],
)
def test_news_is_what_was_not_told_of(told, news):
    looked = snapshot(batch("a", created=-9, ended=-3), batch("b", created=-9, ended=-2), batch("c", ended=-1))
    assert ids(told.unseen(looked)) == news


def test_the_newest_are_remembered_by_id_and_older_ones_by_time(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    looked = snapshot(*(batch(name, created=-9, ended=-age) for age, name in enumerate("edcba")))
    told = SeenBatches().with_seen(looked)
    assert told == SeenBatches(ids=frozenset({"d", "e"}), until=NOON - hours(2))
    assert told.with_seen(looked[-1:]).until == NOON - hours(2), "time never goes back"


@pytest.mark.parametrize(
    ("least", "most", "events"),
    [
        (0, 500, ["abcde"]),
        (0, 2, ["ab", "cd", "e"]),
        (2, 500, ["ace"]),
        (2, 2, ["ac", "e"]),
        (9, 500, []),
    ],
)
def test_one_event_names_all_news_and_what_is_too_much_waits_for_the_next(monkeypatch, least, most, events):
    monkeypatch.setattr(module, "EVENT_BATCHES", most)
    looked = snapshot(
        *(
            batch(name, created=-9, ended=-5 + number, succeeded=3 - number % 2 * 2)
            for number, name in enumerate("abcde")
        )
    )
    told, named = SeenBatches(), []
    for _ in range(4):
        batches, told = told.next_event(looked, min_succeeded=least)
        named += ["".join(ids(batches))] if batches else []
    assert named == events


def test_what_is_remembered_survives_json_and_fits_what_airflow_likes_to_store():
    names = [f"msgbatch_{number:024}" for number in range(KEPT + 5)]
    looked = snapshot(*(batch(name, created=-9, ended=-number / 1000) for number, name in enumerate(names)))
    told = SeenBatches().with_seen(looked)
    stored = json.dumps(told.dump())
    assert len(stored) < 65_535
    assert SeenBatches.load(json.loads(stored)) == told
    assert SeenBatches.load(json.loads(json.dumps(SeenBatches().dump()))) == SeenBatches()


@given(st.lists(st.tuples(st.sets(st.integers(0, 9)), st.booleans()), max_size=8))
def test_each_end_is_told_of_once_and_again_only_by_a_process_that_follows_one_that_died(course):
    tracker, told, all_ended, heard, deaths = BatchTracker(), SeenBatches(), set(), Counter(), 0
    for newly_ended, dies in [*course, (set(), False)]:
        all_ended |= newly_ended
        for number in all_ended:
            tracker.update(batch(str(number), created=-9, ended=-number / 10))
        remembered, looked = told.dump(), tracker.snapshot(NOON)
        heard.update(ids(told.unseen(looked)))
        told = told.with_seen(looked)
        if dies:
            tracker, told, deaths = BatchTracker(), SeenBatches.load(remembered), deaths + 1
    assert set(heard) == set(map(str, all_ended))
    assert all(times <= 1 + deaths for times in heard.values())

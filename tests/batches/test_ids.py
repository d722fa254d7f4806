"""An argument `batch_id` becomes a list of ids, or an error that says what to write."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.batches.ids import batch_ids, custom_ids_digest


@pytest.mark.parametrize(
    ("value", "ids"),
    [("msgbatch_1", ["msgbatch_1"]), (["msgbatch_1", "msgbatch_2"], ["msgbatch_1", "msgbatch_2"]), (("a",), ["a"])],
)
def test_one_id_or_several_become_a_list(value, ids):
    assert batch_ids(value) == ids


@pytest.mark.parametrize("value", [None, [], ()])
def test_there_may_be_none_where_that_is_said(value):
    assert batch_ids(value, may_be_none=True) == []


def test_an_empty_list_may_mean_no_batch_where_nothing_at_all_does_not():
    assert batch_ids([], may_be_empty=True) == []
    with pytest.raises(SamRequestError, match="got None"):
        batch_ids(None, may_be_empty=True)


@pytest.mark.parametrize("may_be_none", [False, True])
@pytest.mark.parametrize("value", ["", " ", [None], [""]])
def test_an_id_is_never_empty(value, may_be_none):
    with pytest.raises(SamRequestError, match="must be the id of a batch"):
        batch_ids(value, may_be_none=may_be_none)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "got ''"),
        (None, "got None"),
        ([], "empty list"),
        (["msgbatch_1", None], "got None"),
        ("None", "the text 'None'.*returned nothing"),
        (["msgbatch_1", "msgbatch_1"], "twice: msgbatch_1"),
        ("['msgbatch_1', 'msgbatch_2']", r"\.output"),
    ],
)
def test_what_is_no_id_is_refused_with_what_to_write(value, said):
    with pytest.raises(SamRequestError, match=said):
        batch_ids(value)


def test_the_digest_of_custom_ids_is_the_same_in_any_order_and_another_for_other_ids():
    digest = custom_ids_digest(["b", "a"])
    assert digest == custom_ids_digest(iter(("a", "b"))) == hashlib.sha256(b"a\nb\n").hexdigest()
    assert len({digest, custom_ids_digest(["ab"]), custom_ids_digest(["a"]), custom_ids_digest(["a", "b", "b"])}) == 4


@pytest.mark.parametrize("value", ["../../victim", "a/b", "a b", "a.b", "msgbatch_1\n", "x" * 129])
def test_what_could_lead_out_of_a_folder_is_no_id(value):
    with pytest.raises(SamRequestError, match="is not a batch id"):
        batch_ids([value])

"""The floor of branch coverage is held for each room by itself."""

from __future__ import annotations

import json

import pytest

from tests.coverage_floor import FLOOR, ROOMS, main


def report(*taken):
    """Write a report in which of 100 branches of each room so many were taken, in two files."""
    files = {}
    for room, covered in zip(ROOMS, taken, strict=True):
        files[f"{room}whole.py"] = {"summary": {"num_branches": 50, "covered_branches": 50}}
        files[f"{room}rest.py"] = {"summary": {"num_branches": 50, "covered_branches": covered - 50}}
    return json.dumps({"files": files})


@pytest.mark.parametrize(
    ("taken", "code"), [((FLOOR, FLOOR), 0), ((100, FLOOR), 0), ((100, FLOOR - 1), 1), ((FLOOR - 1, 100), 1)]
)
def test_one_room_below_the_floor_fails(taken, code, capsys):
    assert main(report(*taken)) == code
    assert f"{ROOMS[0]}: {taken[0]:.2f} % of the branches taken" in capsys.readouterr().out


def test_a_report_without_a_room_s_branches_proves_nothing():
    with pytest.raises(LookupError, match="no branch of"):
        main(json.dumps({"files": {}}))

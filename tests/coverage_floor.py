"""A program that reads coverage's JSON report and fails where a room takes too few of its branches.

The floor is held for each room by itself, and for branches alone: many plain lines would hide what no test decides.
"""

from __future__ import annotations

import json
import sys
from typing import Any

ROOMS = ("airflow_provider_sam/api/", "airflow_provider_sam/batches/")
FLOOR = 95.0


def share_of_branches(report: dict[str, Any], room: str) -> float:
    """Return how many of 100 branches of a room were taken.

    :raises LookupError: the report has no branch of that room.
    """
    summaries = [file["summary"] for name, file in report["files"].items() if name.startswith(room)]
    branches = sum(summary["num_branches"] for summary in summaries)
    if not branches:
        raise LookupError(f"the report has no branch of {room}")
    return 100 * sum(summary["covered_branches"] for summary in summaries) / branches


def main(text: str) -> int:
    """Print the share of each room, and return 1 if one is below the floor."""
    shares = {room: share_of_branches(json.loads(text), room) for room in ROOMS}
    for room, share in shares.items():
        print(f"{room}: {share:.2f} % of the branches taken, {FLOOR:g} % needed")
    return 0 if min(shares.values()) >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read()))

"""Airflow as a trigger can ask it: the states of tasks, and what they have left behind."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from airflow_provider_sam.batches.wait.deferral import Deferral

TASK = {"dag_id": "dag", "run_id": "run", "task_id": "wait", "map_index": -1}


class Airflow:
    """Stands for the triggerer's line to Airflow, with one task in one state."""

    def __init__(self, state=None, latest=None):
        self.state, self.latest, self.silent, self.problem = state, latest, False, None

    async def ask(self, question, **fields):
        assert {fields["dag_id"], *fields.get("run_ids", ["run"])} == {"dag", "run"}
        if self.silent:
            await asyncio.sleep(3600)
        if self.problem:
            raise self.problem
        match question:
            case "GetTaskStates":
                return SimpleNamespace(task_states={"run": {"wait": self.state}})
            case "GetXCom":
                return SimpleNamespace(value=self.latest.dump() if self.latest else None)
            case "SetXCom":
                self.latest = Deferral.load(fields["value"])
        return None


def held_by_airflow(trigger, try_number=1):
    """Return a trigger its task, as a triggerer does."""
    trigger.task_instance = SimpleNamespace(**TASK, try_number=try_number)
    return trigger

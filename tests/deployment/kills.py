"""Kill -9 of submitting tasks at random moments, in a real Airflow with a scheduler, until enough have died.

``python -m tests.deployment.kills --kills 200`` prints what it saw; `test_kills` runs a few. Airflow retries what was
killed, and in the end the batches at the server must be the ones that were asked for, and each task must have its own:
none twice, none missing, none swapped. Some answers to creates are lost on the way, before or after the server has
accepted them. Then all tasks are cleared, and must return the same batches. Most tasks have no state path: they are
remembered by default.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_sam.emulator import AfterSeconds, Delay, Drop, Fault, SamEmulator, Stall
from tests.deployment.processes import ending_on_signals
from tests.deployment.stack import airflow_stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployment.stack import Airflow

DAG_ID = "killed_submissions"
TASKS = 4  # mapped instances of each of the two tasks
SIZES = [40] * TASKS  # chunks of one size, as mapped tasks have them
LIMITS = [10] * TASKS  # requests a batch; two are full, the third has number + 1
LOST = 0.2  # part of the creates whose answer is lost
LONGEST_LIFE = 2.5  # seconds; an undisturbed submission is over by then
MERCY = 0.15  # part of the tries that are let live
RUN_ENDS_WITHIN = 1800  # seconds; a minute on an idle machine, many on Airflow 2, which runs one task at a time here
SHARD = ("a batch of a file",)  # which requests it holds is up to the hashes of their custom_ids
CREATE, LIST = "messages_batches_create", "messages_batches_list"


@dataclass
class Outcome:
    """What was seen."""

    seed: int
    kills: int = 0
    runs: int = 0
    moments: list[float] = field(default_factory=list)
    creates: int = 0
    batches: int = 0
    wrong: list[str] = field(default_factory=list)


class Lab:
    """The server, the files that tasks leave, and the connection that leads them there."""

    def __init__(self, folder: Path, emulator: SamEmulator) -> None:
        self.processes = folder / "processes"
        self.processes.mkdir()
        self.emulator = emulator
        state = (folder / "state").as_uri()
        self._state_paths = [state if number == TASKS - 1 else "" for number in range(TASKS)]
        self._inputs = [self._input(folder, number) for number in range(TASKS)]

    def _input(self, folder: Path, number: int) -> dict[str, Any]:
        path = folder / f"in-{number}.jsonl"
        params = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
        lines = [{"custom_id": name, "params": params} for name in submitted(number)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return {"path": path.as_uri(), "sam_conn_id": f"sam_{number}", "state_path": self._state_paths[number]}

    def env(self) -> dict[str, str]:
        """Return what the parts of Airflow need in their environment."""
        connection = json.loads(self.emulator.connection_json)
        told = {
            "processes": str(self.processes),
            "sizes": SIZES,
            "state_paths": self._state_paths,
            "inputs": self._inputs,
            "visibility_timeout": 3,
        }
        env = {"KILLED_SUBMISSIONS": json.dumps(told), "AIRFLOW_CONN_SAM_DEFAULT": json.dumps(connection)}
        for number, limit in enumerate(LIMITS):
            extra = {"max_batch_requests": limit}
            env[f"AIRFLOW_CONN_SAM_{number}"] = json.dumps(connection | {"extra": extra})
        return env

    def asked(self) -> Counter[tuple[str, ...]]:
        """Return the batches that one run asks for: by their custom_ids where there is one, else singly."""
        created = [tuple(f"create-{number}-{n}" for n in range(size)) for number, size in enumerate(SIZES)]
        names = [(name,) for number in range(TASKS) for name in submitted(number)]
        shards = sum(-(-len(submitted(number)) // limit) for number, limit in enumerate(LIMITS))
        return Counter([*created, *names, *[SHARD] * shards])

    def present(self) -> Counter[tuple[str, ...]]:
        """Return the batches at the server, in the same way."""
        found: Counter[tuple[str, ...]] = Counter()
        for batch in self.emulator.batches:
            names = tuple(custom_id for custom_id, _ in self.emulator.batch_requests(batch.id))
            found.update([names] if names[0].startswith("create-") else [SHARD, *((name,) for name in names)])
        return found


def submitted(number: int) -> list[str]:
    """Name the requests in one of the files."""
    return [f"submit-{number}-{n}" for n in range(2 * LIMITS[number] + number + 1)]


def slow_down(emulator: SamEmulator, chance: random.Random) -> None:
    """Stretch every step that a kill may hit: before the anchor, before the acceptance, between it and the answer.

    Some answers are lost: of these creates half are accepted.
    """
    emulator.faults.clear()
    lost = (number for number in range(1, 200) if chance.random() < LOST)
    emulator.faults.add(*(Fault(Drop(accepted=chance.random() < 0.5), operation=CREATE, nth=number) for number in lost))
    emulator.faults.add(
        Fault(Delay(0.1), operation=LIST, times=None),
        Fault(Delay(0.3), operation=CREATE, times=None),
        Fault(Stall(after_bytes=5, seconds=0.3), operation=CREATE, times=None),
    )


def kill_through(airflow: Airflow, lab: Lab, outcome: Outcome, wanted: int, chance: random.Random) -> None:
    """Run the Dag once, killing its tasks until `wanted` have died, and compare what came of it."""
    lab.emulator.reset()
    # A batch whose answer was lost can be told from others once it has ended: at once in one run, later in the next.
    lab.emulator.progress = AfterSeconds(15 if outcome.runs % 2 else 0)
    slow_down(lab.emulator, chance)
    run_id = airflow.start_run(DAG_ID, {})
    outcome.runs += 1
    doomed: dict[int, float] = {}
    deadline = time.monotonic() + RUN_ENDS_WITHIN
    looked = 0.0
    while True:
        for pid in newcomers(lab.processes):
            if chance.random() > MERCY and outcome.kills + len(doomed) < wanted:
                doomed[pid] = time.monotonic() + chance.uniform(0, LONGEST_LIFE)
        for pid in [pid for pid, at in doomed.items() if at <= time.monotonic()]:
            life = doomed.pop(pid)
            if kill(pid):
                outcome.kills += 1
                outcome.moments.append(life)
        if time.monotonic() - looked > 2:
            looked = time.monotonic()
            if (state := succeeded(airflow, run_id)) is not None:
                break
        if time.monotonic() > deadline:
            state = "stuck"
            break
        time.sleep(0.02)
    outcome.creates += lab.emulator.count(CREATE)
    outcome.batches += len(lab.emulator.batches)
    outcome.wrong += complaints(state, lab, run_id)
    if not outcome.wrong:
        outcome.wrong += swapped(lab, run_id, returned(airflow, run_id))


def swapped(lab: Lab, run_id: str, ids: dict[tuple[str, int], list[str]]) -> list[str]:
    """Say which tasks have returned batches with other requests than their own."""
    found = []
    for (task_id, number), batch_ids in ids.items():
        own = [f"create-{number}-{n}" for n in range(SIZES[number])] if task_id == "create" else submitted(number)
        present = [name for batch_id in batch_ids for name, _ in lab.emulator.batch_requests(batch_id)]
        if sorted(present) != sorted(own):
            found.append(f"{run_id}: {task_id}[{number}] has {batch_ids}, the batches of {present[:1]}...")
    return found


def clear(airflow: Airflow, lab: Lab, outcome: Outcome) -> None:
    """Clear all tasks of the last run: they must return the batches that they have created, and create none."""
    run_id = airflow.call("GET", f"/dags/{DAG_ID}/dagRuns?order_by=-start_date&limit=1")["dag_runs"][0]["dag_run_id"]
    creates, before = lab.emulator.count(CREATE), returned(airflow, run_id)
    clear_tasks(airflow, run_id, only_failed=False)
    state = wait_for(lambda: ended(airflow, run_id), within=RUN_ENDS_WITHIN, what=f"{run_id}, cleared")
    outcome.wrong += complaints(state, lab, run_id)
    if lab.emulator.count(CREATE) != creates:
        outcome.wrong.append(f"{run_id}, cleared, created batches again")
    if returned(airflow, run_id) != before:
        outcome.wrong.append(f"{run_id}, cleared, returned other batches")


def clear_tasks(airflow: Airflow, run_id: str, *, only_failed: bool) -> None:
    """Let the tasks of a run begin anew."""
    body = {"dry_run": False, "dag_run_id": run_id, "only_failed": only_failed, "reset_dag_runs": True}
    airflow.call("POST", f"/dags/{DAG_ID}/clearTaskInstances", body)


def succeeded(airflow: Airflow, run_id: str) -> str | None:
    """Return the state of a run that has succeeded. Airflow 3.0 does not retry what was killed: here a person does."""
    state = ended(airflow, run_id)
    if state == "failed":
        clear_tasks(airflow, run_id, only_failed=True)
        return None
    return state


def ended(airflow: Airflow, run_id: str) -> str | None:
    """Return the state of a run that has ended."""
    state = airflow.run_state(DAG_ID, run_id)
    return state if state in {"success", "failed"} else None


def returned(airflow: Airflow, run_id: str) -> dict[tuple[str, int], list[str]]:
    """Return the batches that each mapped task has returned; not every Airflow gives a list as a list."""
    found = {}
    for task_id in ("create", "submit"):
        for number in range(TASKS):
            path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
            value = airflow.call("GET", f"{path}?map_index={number}")["value"]
            found[task_id, number] = re.findall(r"msgbatch_\w+", str(value))
    return found


def newcomers(processes: Path) -> Iterator[int]:
    """Return the processes that have told where they are since the last look."""
    for path in processes.iterdir():
        path.unlink()
        yield int(path.name.rpartition(".")[2])


def kill(pid: int) -> bool:
    """Kill a task's process, and tell whether it was still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def complaints(state: str, lab: Lab, run_id: str) -> list[str]:
    """Say what is not as it must be."""
    asked, present = lab.asked(), lab.present()
    found = [] if state == "success" else [f"{run_id} is {state}"]
    found += [f"{run_id}: {count} too many of {ids[0]}..." for ids, count in (present - asked).items()]
    return found + [f"{run_id}: {ids[0]}... is missing" for ids in asked - present]


def run(kills: int, seed: int, folder: Path) -> Outcome:
    """Kill so many tasks in as many runs as it takes.

    :param folder: an empty one for everything that is written.
    """
    outcome, chance = Outcome(seed), random.Random(seed)
    with ExitStack() as stack:
        lab = Lab(folder, stack.enter_context(SamEmulator()))
        env = lab.env() | {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        }
        log = folder / "migrate.log"
        with log.open("w", encoding="utf-8") as output:
            subprocess.run(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                env=os.environ | env,
                stdout=output,
                stderr=output,
                check=True,
            )
        airflow = stack.enter_context(airflow_stack(folder, env))
        while outcome.kills < kills and not outcome.wrong:
            kill_through(airflow, lab, outcome, kills, chance)
            told = f"{outcome.kills} kills, {outcome.creates} creates, {outcome.batches} batches"
            print(f"Seed {seed}, run {outcome.runs}: {told}", flush=True)
        if not outcome.wrong:
            clear(airflow, lab, outcome)
    return outcome


def main() -> int:
    """Kill as often as asked, and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    with ending_on_signals(), tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as folder:
        outcome = run(arguments.kills, arguments.seed, Path(folder))
    verdict = "; ".join(outcome.wrong) or "none twice, none missing, none swapped, no task stuck"
    print(
        f"Seed {outcome.seed}: {outcome.kills} kills in {outcome.runs} runs, {outcome.creates} creates reached the "
        f"server, {outcome.batches} batches: {verdict}"
    )
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
